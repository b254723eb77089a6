"""The key that signs cookies is made once, whole, and read by its owner alone (G1)."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.auth.secret import FILE_NAME, SecretInvalid, load_or_make

RACE = """
import sys
from pathlib import Path
from penstock.auth.secret import load_or_make
print("ready", flush=True)
sys.stdin.readline()
for folder in sys.argv[1:]:
    print(load_or_make(Path(folder)), flush=True)
"""


def test_a_key_is_made_and_stays(tmp_path: Path) -> None:
    """D2: a restart makes nobody a stranger."""
    made = load_or_make(tmp_path)
    assert len(made) >= 32
    assert load_or_make(tmp_path) == made


def test_keys_of_two_installations_differ(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    assert load_or_make(folders[0]) != load_or_make(folders[1])


def test_the_key_file_is_its_owners_alone_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    """G6."""
    load_or_make(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_key_that_an_operator_wrote_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("k" * 40 + "\n")
    assert load_or_make(tmp_path) == "k" * 40


@pytest.mark.parametrize("content", ["", "\n", "short"])
def test_a_file_that_holds_no_key_is_not_taken_for_one(tmp_path: Path, content: str) -> None:
    """D3: with an empty key anybody could sign cookies. It is left to a person: another key would lose all chats."""
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(SecretInvalid, match=FILE_NAME):
        load_or_make(tmp_path)


def test_processes_that_start_together_have_one_key(tmp_path: Path) -> None:
    """G1, D3: nobody reads the file while another still writes it."""
    folders = [tmp_path / str(number) for number in range(300)]
    for folder in folders:
        folder.mkdir()
    command = [sys.executable, "-c", RACE, *map(str, folders)]
    starting = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for process in starting:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in starting:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    keys = [process.communicate()[0].splitlines() for process in starting]
    assert keys[0] == keys[1] == keys[2]
    assert all(len(key) == 64 for key in keys[0])
    assert len(set(keys[0])) == len(folders)
