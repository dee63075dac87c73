import shutil
from pathlib import Path

import pytest

from memorybank_service.embedding.model_files import ModelError, ModelFiles, find_model


def test_a_missing_model_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no embedding model in .*make setup"):
        find_model(tmp_path / "nowhere")


def test_an_altered_model_is_refused(tmp_path: Path, model: ModelFiles) -> None:
    copy = tmp_path / "model"
    shutil.copytree(model.graph.parent, copy)
    assert find_model(copy).dimension == 384
    with (copy / "tokenizer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ModelError, match=r"tokenizer\.json is not the file its manifest names.*make setup"):
        find_model(copy)


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(ModelError, match="no manifest"):
        find_model(tmp_path)
