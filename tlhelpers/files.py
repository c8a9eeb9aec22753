"""Published files: in a mirror, in the cache, or downloaded and compared with their checksum."""

from . import cache, download


def find_file(url, place, checksum, *, progress=True):
    """Path of a file that is published at an address.

    Parameters
    ----------
    url : str
    place : str
        Where it lies under `TLHELPERS_MIRROR` and in the cache, as `datasets/ag_news/test.csv`.
        The mirror's file is taken as it is.
    checksum : str or None
        `md5:…` or `sha256:…` of the published file.
    progress : bool

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ConnectionError
        It is nowhere and cannot be downloaded.
    ValueError
        What came is not the published file.
    """
    mirror = cache.mirror_dir()
    if mirror and (mirror / place).is_file():
        return mirror / place
    path = cache.cache_dir() / place
    if path.is_file():
        return path
    with cache.locked(path):
        if not path.is_file():
            part = path.with_name(f"{path.name}.part")
            try:
                download.download(url, part, path.name, progress=progress)
            except download.Failure as failure:
                raise ConnectionError(
                    f"Could not download {url}: {failure}. Without internet, set TLHELPERS_MIRROR "
                    f"to a folder that holds {place}."
                ) from failure
            _compare(part, url, checksum)
            part.replace(path)
            download.discard(part)
    return path


def find_folder(url, place, checksum, *, progress=True):
    """Folder that is published as an archive; arguments and errors as for `find_file`.

    `place` is without the archive's ending; a folder of that name in the mirror is taken as it is.
    """
    mirror = cache.mirror_dir()
    if mirror and (mirror / place).is_dir():
        return mirror / place
    folder = cache.cache_dir() / place
    if not folder.is_dir():
        ending = ".tar.gz" if url.endswith(".tar.gz") else "." + url.rsplit(".", 1)[-1]
        archive = find_file(url, place + ending, checksum, progress=progress)
        with cache.locked(folder):
            if not folder.is_dir():
                _unpack(archive, folder)
        if archive.parent == folder.parent:  # the cache's own copy
            archive.unlink(missing_ok=True)
    return folder


def _compare(part, url, checksum):
    import pooch

    if checksum is None:
        with open(part, "rb") as file:
            start = file.read(8)
        if url.endswith(".h5") and start != b"\x89HDF\r\n\x1a\n":
            download.discard(part)
            raise ValueError(
                f"What came from {url} is no HDF5 file (it begins with {start!r}). A network may "
                "ask for a sign-in first; open the address in a browser, then try again."
            )
        return
    algorithm, expected = checksum.split(":")
    found = pooch.file_hash(str(part), alg=algorithm)
    if found != expected:
        download.discard(part)
        raise ValueError(
            f"What came from {url} is not the published file: {algorithm.upper()} {found}, "
            f"expected {expected}. It is not used; try again."
        )


def _unpack(archive, folder):
    with cache.whole_folder(folder, alone=True) as empty:
        try:
            download.extract(archive, empty)
        except ValueError as error:
            raise ValueError(f"{archive} cannot be used: {error}.") from error
        inner = list(empty.iterdir())
        if len(inner) == 1 and inner[0].is_dir():
            outer = inner[0].rename(empty / f"{inner[0].name}.unpacked")
            for path in outer.iterdir():
                path.rename(empty / path.name)
            outer.rmdir()
