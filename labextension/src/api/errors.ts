/** What went wrong, in a sentence, and what to do next. */
export class AssayError extends Error {
  constructor(
    message: string,
    readonly hint: string | null,
    readonly code: string
  ) {
    super(message);
  }
}

/** Return an error in words: what happened and, where that is known, what to do next. */
export function sentence(error: unknown): string {
  const hint = error instanceof AssayError && error.hint ? ` ${error.hint}` : '';
  return `${error instanceof Error ? error.message : String(error)}${hint}`;
}
