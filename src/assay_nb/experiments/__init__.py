"""Prompts on data: run over rows, judged, and measured. Is the new prompt better *here*?

`answers` makes many calls at once, bounded and resumable; `playing` is the playground on a table; `measuring`
is the whole way from two prompts, or one, to a verdict. The statistics are `assay_nb.evaluation`'s, the calls
the engine's: this room brings them together, and knows no provider and no key.
"""
