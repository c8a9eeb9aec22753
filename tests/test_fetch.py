from pathlib import Path

import pytest

from tlhelpers import fetch

ADDRESS = "https://tfhub.dev/google/imagenet/tiny/feature_vector/5"


def test_embedded_module_is_complete():
    """The embedded handle leads to a SavedModel with its variables, and to the Keras file."""
    path = fetch.module_path("embedded:glyphnet")
    assert (path / "saved_model.pb").is_file()
    assert (path / "variables" / "variables.index").is_file()
    assert (fetch.data_dir() / "glyphnet.keras").is_file()


def test_folder_as_text_and_as_path(tiny_module):
    """A folder may be given either way."""
    assert fetch.module_path(str(tiny_module)) == fetch.module_path(tiny_module) == tiny_module


def test_mirror_comes_before_the_internet(tiny_module, tmp_path, monkeypatch):
    """An address is looked up in TLHELPERS_MIRROR first, and nothing is downloaded."""
    import tensorflow_hub

    place = tmp_path / "modules/google/imagenet/tiny/feature_vector/5"
    place.parent.mkdir(parents=True)
    place.symlink_to(tiny_module)
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    monkeypatch.setattr(tensorflow_hub, "resolve", lambda _: pytest.fail("went to the internet"))
    assert fetch.module_path(ADDRESS) == place


def test_download_goes_to_a_lasting_cache(monkeypatch):
    """Without a mirror tensorflow_hub downloads, and not into the temporary folder."""
    import os

    import tensorflow_hub

    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    seen = []

    def resolve(address):
        seen.append((address, os.environ["TFHUB_CACHE_DIR"]))
        return "/somewhere/5"

    monkeypatch.setattr(tensorflow_hub, "resolve", resolve)
    assert fetch.module_path(ADDRESS) == Path("/somewhere/5")
    assert seen == [(ADDRESS, str(fetch.cache_dir() / "modules"))]


def test_failed_download_says_what_to_do(monkeypatch):
    """Address, reason, and the two ways to do without internet."""
    import tensorflow_hub

    def resolve(_):
        raise OSError("no route to host")

    monkeypatch.setattr(tensorflow_hub, "resolve", resolve)
    with pytest.raises(ConnectionError) as error:
        fetch.module_path(ADDRESS)
    for part in (
        ADDRESS,
        "no route to host",
        "embedded:glyphnet",
        "modules/google/imagenet/tiny/feature_vector/5/saved_model.pb",
    ):
        assert part in str(error.value)


@pytest.mark.parametrize("handle", ["glyphnet", "", None, 5, "no/such/folder"])
def test_unknown_handle_lists_the_valid_ones(handle):
    """A handle that is none of the kinds gets the list of kinds."""
    with pytest.raises(ValueError, match="Unknown module handle") as error:
        fetch.module_path(handle)
    assert "embedded:glyphnet" in str(error.value)
    assert "tfhub.dev" in str(error.value)


def test_folder_without_saved_model(tmp_path):
    """A folder of something else is told apart from a folder that is missing."""
    with pytest.raises(FileNotFoundError, match=r"has no saved_model\.pb.*Give the folder"):
        fetch.module_path(tmp_path)


def test_cache_dir_follows_the_variable(monkeypatch, tmp_path):
    """TLHELPERS_CACHE decides; without it, the system's place for caches."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path))
    assert fetch.cache_dir() == tmp_path
    monkeypatch.delenv("TLHELPERS_CACHE")
    assert fetch.cache_dir().name == "tlhelpers"
