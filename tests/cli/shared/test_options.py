"""The options of an experiment: where settings come from, and which beats which."""


def test_the_command_line_beats_the_environment_beats_the_file(ablate, tmp_path, monkeypatch):
    (tmp_path / "grid.toml").write_text('activation = ["relu"]\nepochs = 3\nseeds = 2\ndropout = 0\n')
    assert "3 activation" not in ablate("plan", "grid.toml")[1]
    assert "epochs=3" in ablate("plan", "grid.toml")[1]
    monkeypatch.setenv("ABLATE_EPOCHS", "4")
    assert "epochs=4" in ablate("plan", "grid.toml")[1]
    assert "epochs=5" in ablate("plan", "grid.toml", "--epochs", "5")[1]
    monkeypatch.setenv("ABLATE_EPOCH", "4")
    code, out, err = ablate("plan", "grid.toml")
    assert (code, out) == (2, "")
    assert "ABLATE_EPOCH; did you mean 'ABLATE_EPOCHS'" in err


def test_a_value_from_the_environment_is_refused_by_the_name_of_its_variable(ablate, monkeypatch):
    monkeypatch.setenv("ABLATE_EPOCHS", "many")
    assert ablate("plan")[2].startswith("ablate: ABLATE_EPOCHS (--epochs): 'many'")
    assert ablate("plan", "--epochs", "more")[2].startswith("ablate: --epochs: 'more'")


def test_a_preset_is_beaten_by_a_file_which_the_environment_and_options_beat(ablate, tmp_path, monkeypatch):
    assert "epochs=2" in ablate("plan", "--preset", "smoke")[1]
    (tmp_path / "grid.toml").write_text("epochs = 3\n")
    code, out, _ = ablate("plan", "grid.toml", "--preset", "smoke")
    assert code == 0
    assert "2 activation x 2 norm x 2 dropout x 2 seeds = 16 runs" in out
    assert "epochs=3" in out
    monkeypatch.setenv("ABLATE_EPOCHS", "4")
    assert "epochs=4" in ablate("plan", "grid.toml", "--preset", "smoke")[1]
    assert "epochs=5" in ablate("plan", "grid.toml", "--preset", "smoke", "--epochs", "5")[1]


def test_the_lectures_activations_on_its_own_dataset_are_a_legal_plan(ablate):
    code, out, _ = ablate("plan", "--preset", "activations", "--dataset", "cifar100")
    assert code == 0
    assert "cifar100, mlp: 40000 training" in out
    assert "45 missing" in out


def test_an_unknown_preset_is_refused(ablate):
    code, out, err = ablate("plan", "--preset", "dropuot")
    assert (code, out) == (2, "")
    assert "did you mean 'dropout'" in err
