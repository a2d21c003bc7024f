"""The call path: one `Call` in, a stream of `Event`s out, wherever the key may be.

`call` and `events` are what faces and engines say to each other. `local` opens the key and calls the
provider in this process; `remote` asks a gateway to. `control` is the sibling seam for keys, members,
models and budget. `portal` runs both from synchronous code, and `session` chooses between them.
"""
