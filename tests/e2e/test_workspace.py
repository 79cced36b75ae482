# SPDX-License-Identifier: Apache-2.0
"""The workspace: names, several paths, read-only, owners, and what is refused."""
import os
import pathlib

import pytest


def test_names_with_odd_bytes(sbx):
    for index, name in enumerate(["with space", "grün-日本", "new\nline", "per%cent", "-dash"]):
        work = sbx.home / "work" / name
        work.mkdir()
        (work / "here").write_text(name)
        box = f"odd{index}"
        assert sbx.out("run", "--name", box, "shell", work, "--", "-c",
                       'cat here; touch "$PWD/back"') == name.strip()
        assert (work / "back").exists()
        sbx("rm", "-f", box)


def test_several_paths_and_read_only(sbx):
    first, second = sbx.home / "work/several", sbx.home / "work/readonly"
    first.mkdir()
    second.mkdir()
    (second / "file").write_text("original")
    script = (f"cat {second}/file; touch {second}/new 2>&1;"
              f"sudo mount -o remount,rw {second} 2>&1; echo over | sudo tee {second}/file 2>&1;"
              f"sudo rm -f {second}/file 2>&1; pwd")
    out = sbx.out("run", "--name", "several", "shell", first, f"{second}:ro", "--", "-c", script)
    assert out.startswith("original") and out.endswith(str(first))
    assert (second / "file").read_text() == "original" and os.listdir(second) == ["file"]
    sbx("rm", "-f", "several")


def test_read_only_within_writable(sbx):
    """Root in the guest takes the inner mount away; the path stays read-only all the same."""
    outer = sbx.home / "work/nested"
    inner = outer / "inner/deeper"
    inner.mkdir(parents=True)
    (inner / "file").write_text("original")
    script = (f"touch {outer}/new; cat {inner}/file; sudo umount {inner}; cat {inner}/file;"
              f"echo over 2>&1 | sudo tee {inner}/file 2>&1; sudo touch {inner}/new 2>&1;"
              f"sudo mv {inner} {outer}/away 2>&1; sudo rm -r {outer}/inner 2>&1;"
              f"mv {outer}/inner {outer}/moved; sudo touch {outer}/moved/deeper/new 2>&1")
    out = sbx.out("run", "--name", "nested", "shell", outer, f"{inner}:ro", "--", "-c", script,
                  check=False)
    assert out.startswith("originaloriginal")
    moved = outer / "moved/deeper"  # what is above it is writable
    assert (moved / "file").read_text() == "original" and os.listdir(moved) == ["file"]
    assert (outer / "new").exists()
    sbx("rm", "-f", "nested")


def test_every_guest_user_is_the_host_user(sbx, box):
    box.sh("sudo sh -c 'echo r > by-root; mkdir root-dir; chown 33:33 by-root';"
           "sudo -u nobody sh -c 'echo n >> by-root' 2>&1; sudo chown -R root root-dir;"
           "ln -s by-root link; ln by-root hard; chmod 640 by-root; mv hard moved; rm -r root-dir")
    state = (box.path / "by-root").stat()
    assert (state.st_uid, state.st_gid) == (os.getuid(), os.getgid())
    assert state.st_mode & 0o7777 == 0o640
    assert (box.path / "moved").samefile(box.path / "by-root")
    assert not (box.path / "root-dir").exists()


def test_links_do_not_lead_out(sbx, box):
    outside = sbx.home / "outside"
    outside.write_text("host secret")
    (box.path / "absolute").symlink_to(outside)
    (box.path / "relative").symlink_to("../../outside")
    out = box.sh("cat absolute relative ../../outside /proc/1/root/etc/hostname 2>&1; true")
    assert "host secret" not in out


def test_changes_of_the_host_are_seen(sbx, box):
    """A changed file shows its new length; the interim file server may take a second for it."""
    for turn in range(1, 6):
        (box.path / "turn").write_text(f"{turn}\n" * turn)
        box.sh(f'until [ "$(wc -l < turn)" = {turn} ]; do :; done', timeout=20)


@pytest.mark.parametrize("path, word", [
    ("/", "/"), ("/etc", "system"), ("/usr", "system"), ("/proc", "system"),
    ("/no/such/dir", "exist"), ("/etc/passwd", "directory")])
def test_refused(sbx, path, word):
    done = sbx("create", "--name", "refused", "shell", path, check=False)
    assert done.returncode == 1 and word in done.stderr and "hint:" in done.stderr
    assert "refused" not in sbx.out("ls", "-q").split()


def test_own_directories_are_refused(sbx):
    for path in (sbx.state, sbx.state / "sandboxes", sbx.home,
                 pathlib.Path.home() / ".cache/sbx", pathlib.Path.home()):
        done = sbx("create", "--name", "refused", "shell", path, check=False)
        assert done.returncode == 1, path
        assert "sbx" in done.stderr


def test_a_link_to_a_refused_place_is_refused(sbx):
    link = sbx.home / "work/to-state"
    link.symlink_to(sbx.state)
    assert sbx("create", "shell", link, check=False).returncode == 1
