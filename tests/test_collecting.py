"""Names of students, taken from files as browsers, Colab and learning platforms name them."""

import unicodedata

import collecting
import pytest

NOTEBOOKS = ["hw1_feature_extraction", "hw2_partial_fine_tuning"]
HW1 = NOTEBOOKS[0]


def names():
    """A collector that knows two notebooks."""
    return collecting.StudentNames(notebooks=NOTEBOOKS)


@pytest.mark.parametrize(
    ("file", "student"),
    {
        f"ann_{HW1}.ipynb": "ann",
        f"de_la_cruz_{HW1}.ipynb": "de_la_cruz",
        f"Øystein_{HW1}.ipynb": "Øystein",
        f"{unicodedata.normalize('NFD', 'José')}_{HW1}.ipynb": "José",
        f"ann-lee_{HW1}.ipynb": "ann-lee",
        f"4711_{HW1}.ipynb": "4711",
        f"Copy of ann_{HW1}.ipynb": "ann",
        f"Copy_of_ann_{HW1} (1).ipynb": "ann",
        f"Copia de ann_{HW1}.ipynb": "ann",
        f"ann_Copy_of_{HW1}-Copy1.ipynb": "ann",
        f"ann.lee/{HW1}.ipynb": "ann.lee",
        f"ann_lee/Copy of {HW1}.ipynb": "ann_lee",
        f"Ann Lee_4711_assignsubmission_file_/{HW1}.ipynb": "Ann Lee",
        f"leeann_LATE_4711_123456_{HW1}-1.ipynb": "leeann",
        f"ann_{HW1.upper()}.ipynb": "ann",
    }.items(),
)
def test_a_file_says_whose_it_is(file, student, tmp_path):
    """Underscores, accents and copies do no harm."""
    assert names().collect(str(tmp_path / file)) == {"student_id": student, "file_id": HW1}


@pytest.mark.parametrize("student", ["..", ".", "...", "-rf", ".hidden", "a\nb", " ", "a\\b"])
def test_names_that_are_no_folders_are_refused(student, capsys):
    """One line says which file, and what to rename it to."""
    collector = names()
    assert collector.collect(f"/x/extracted/{student}_{HW1}.ipynb") is None
    collector.report()
    assert f"ann_{HW1}.ipynb" in capsys.readouterr().out


def test_what_is_not_collected_is_listed_at_the_end(tmp_path, capsys):
    """Each file in a line: why, and what to rename it to; the others are collected."""
    folder = tmp_path / "extracted"
    folder.mkdir()
    files = [f"{HW1}.ipynb", "ann.ipynb", f"bob_{HW1}.ipynb", f"bob_{HW1} (2).ipynb"]
    for file in files:
        (folder / file).write_text("{}", encoding="utf-8")
    (folder / f"eve_{HW1}.ipynb").symlink_to(folder / files[0])
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / f"{HW1}.ipynb").write_text("{}", encoding="utf-8")
    collector = names()
    found = [collector.collect(str(x)) for x in sorted(tmp_path.rglob("*.ipynb"), reverse=True)]
    assert [x["student_id"] for x in found if x] == ["bob"]
    collector.report()
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "Not collected (5):"
    reasons = {
        f"extracted/{HW1}.ipynb": f"does not say whose it is; rename it to student_{HW1}.ipynb",
        "extracted/ann.ipynb": "names none of the notebooks; rename it to student_",
        f"extracted/bob_{HW1}.ipynb": f"is of bob as well; 'bob_{HW1} (2).ipynb' is taken.",
        f"extracted/eve_{HW1}.ipynb": "is a link; put the file itself there",
        f"bob/{HW1}.ipynb": f"is of bob as well; 'extracted/bob_{HW1} (2).ipynb' is taken",
    }
    for file, reason in reasons.items():
        assert any(line.startswith(f"  '{file}' {reason}") for line in lines), (file, lines)


def test_two_students_whose_names_begin_alike_are_two():
    """Nobody's work takes the place of another's."""
    collector = names()
    found = [collector.collect(f"/x/{each}_{HW1}.ipynb") for each in ("de_leon", "de_la_cruz")]
    assert [each["student_id"] for each in found] == ["de_leon", "de_la_cruz"]
