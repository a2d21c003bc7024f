"""Is it better on my data? Splits, paired tests, intervals and the verdict. Pure: no I/O.

NumPy and SciPy are imported when the first figure is asked for, not when this package is.
"""

from assay_nb.evaluation.claims import Change, PairedVerdict, Verdict
from assay_nb.evaluation.lengths import LengthFigures, length_figures
from assay_nb.evaluation.looks import (
    FIRST_SHARE,
    MOST_LOOKS,
    describe_looks,
    find_family,
    share_of_look,
)
from assay_nb.evaluation.noise import Headroom, NoiseFloor, check_headroom, noise_floor
from assay_nb.evaluation.pairwise import (
    PairwiseOutcome,
    combine_judgements,
    combine_orders,
    pairwise_verdict,
)
from assay_nb.evaluation.power import (
    power_curve,
    rows_needed,
    sign_test_power,
    sign_test_rows,
    smallest_detectable,
)
from assay_nb.evaluation.screening import Screening, choose_candidate
from assay_nb.evaluation.splits import Split, row_key, split_rows
from assay_nb.evaluation.verdict import paired_verdict

__all__ = [
    "FIRST_SHARE",
    "MOST_LOOKS",
    "Change",
    "Headroom",
    "LengthFigures",
    "NoiseFloor",
    "PairedVerdict",
    "PairwiseOutcome",
    "Screening",
    "Split",
    "Verdict",
    "check_headroom",
    "choose_candidate",
    "combine_judgements",
    "combine_orders",
    "describe_looks",
    "find_family",
    "length_figures",
    "noise_floor",
    "paired_verdict",
    "pairwise_verdict",
    "power_curve",
    "row_key",
    "rows_needed",
    "share_of_look",
    "sign_test_power",
    "sign_test_rows",
    "smallest_detectable",
    "split_rows",
]
