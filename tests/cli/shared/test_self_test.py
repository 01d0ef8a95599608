"""`ablate gate --self-test`."""


def test_the_self_test_goes_red_where_it_must(ablate, stored):
    code, out, err = ablate("gate", "--self-test")
    assert err.startswith("SIMULATED: ")
    assert (code, out.splitlines()[-1]) == (0, "SIMULATED self-test passed: 10 of 10 trials as expected")
    assert ablate("gate", "--self-test", stored[0])[0] == 0
    code, out, _ = ablate("gate", "--self-test", "--alpha", "1e-9")
    assert code == 1
    assert "WRONG" in out
