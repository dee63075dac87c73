from pathlib import Path

import pytest

from memorybank_service.store import StoreError, filesystem
from memorybank_service.store.filesystem import kind_of, refuse_network_filesystem

MOUNTS = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:50 / /data rw,relatime shared:2 - xfs /dev/loop0 rw
24 23 0:51 / /data/shared\\040files rw - nfs4 server:/export rw
25 22 0:52 / /covered rw - nfs4 server:/export rw
26 22 0:53 / /covered rw - ext4 /dev/vdb rw
"""


@pytest.mark.parametrize(
    ("directory", "kind"),
    [
        ("/", "ext4"),
        ("/data/customer1", "xfs"),
        ("/data/shared files/customer1", "nfs4"),
        ("/data/shared", "xfs"),
        ("/database", "ext4"),
        ("/covered/customer1", "ext4"),
    ],
)
def test_the_nearest_mount_decides(directory: str, kind: str) -> None:
    assert kind_of(Path(directory), MOUNTS) == kind


def test_a_network_file_system_is_refused_and_a_local_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_network_filesystem(tmp_path)
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"30 1 0:52 / {tmp_path.resolve()} rw - nfs4 server:/export rw\n")
    monkeypatch.setattr(filesystem, "_MOUNTS", mounts)
    with pytest.raises(StoreError, match=r"CHROMA_DB_PATH: .* network file system \(nfs4\)"):
        refuse_network_filesystem(tmp_path)
