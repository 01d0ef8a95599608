"""All tolerances of the tests: how far two numbers may lie apart and still count as equal."""

# A stack against plain torch.nn in float64, after 20 steps.
ORACLE = 1e-10
# A derivative against autograd's in float64, relative to the largest value.
DERIVATIVE = 1e-12
# A function of float32 numbers against float64, relative to values above 1: a few units in the last place.
SINGLE = 5e-7
