import type { Cell, CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { JSONObject } from '@lumino/coreutils';
import { AssayError, sentence } from '../api/errors';
import type { ServerEvent } from '../api/events';
import type { Api } from '../api/request';
import { runsPython } from './language';
import { CellOutput, type Bundle, type Output } from './output';
import { asSent, findPrompt, type Prompt } from './prompt';

export type Instrument = 'critique' | 'improve' | 'rewrite';

/** Why a cell cannot be run, in a sentence. */
export class NoPrompt extends Error {}

/** What a run needs from around it. */
export interface Surroundings {
  api: Pick<Api, 'run'>;
  /** Stops the run. */
  signal: AbortSignal;
  /** Told which model is asked, and whose key pays. */
  asking(model: string, workspace: string): void;
  /** Told that the call waits for so many seconds before it tries again. */
  waiting(seconds: number): void;
  /** Return a place for the result outside of the notebook. */
  beside(panel: NotebookPanel, cell: Cell): Output;
}

/**
 * Run an instrument on the active cell's prompt and show what comes.
 *
 * A code cell shows the result as its output, and its magic's line goes along: the server honours what
 * is on it, or refuses the run. A markdown or raw cell has no output. In Python a code cell with the
 * magic and the same prompt follows it, which does the same when it is run again; in any other language
 * that cell would be code, so the result is shown beside the notebook.
 */
export async function runOnCell(
  panel: NotebookPanel,
  instrument: Instrument,
  around: Surroundings
): Promise<void> {
  const cell = panel.content.activeCell;
  const prompt = cell && findPrompt(cell.model.sharedModel.getSource(), cell.model.type);
  if (!cell || !prompt?.text.trim()) {
    throw new NoPrompt();
  }
  const output = await outputFor(panel, cell, prompt, instrument, around);
  const run = { instrument, prompt: asSent(prompt.text), line: prompt.magic && prompt.head };
  for await (const event of around.api.run(run, around.signal)) {
    show(event, output, around);
  }
}

async function outputFor(
  panel: NotebookPanel,
  cell: Cell,
  prompt: Prompt,
  instrument: Instrument,
  around: Surroundings
): Promise<Output> {
  if (prompt.magic) {
    return new CellOutput(cell as CodeCell);
  }
  if (await runsPython(panel)) {
    return new CellOutput(insertBelow(panel, cell, `%%${instrument}\n${prompt.text}`));
  }
  return around.beside(panel, cell);
}

function show(event: ServerEvent, output: Output, around: Surroundings): void {
  switch (event.name) {
    case 'started': {
      const started = event.data as { provider: string; model: string; workspace: string };
      around.asking(`${started.provider}/${started.model}`, started.workspace);
      return;
    }
    case 'waiting':
      around.waiting((event.data as { seconds: number }).seconds);
      return;
    case 'preview': {
      const data = event.data as JSONObject & { schema: string };
      const type = `application/vnd.${data.schema}+json`;
      output.show({ data: { [type]: data }, metadata: {} });
      return;
    }
    case 'bundle':
      output.show(event.data as Bundle);
      return;
    case 'error': {
      const { message, hint, code } = event.data as {
        message: string;
        hint: string | null;
        code: string;
      };
      const error = new AssayError(message, hint, code);
      output.fail(sentence(error));
      throw error;
    }
  }
}

function insertBelow(panel: NotebookPanel, cell: Cell, source: string): CodeCell {
  const { content } = panel;
  const index = content.widgets.indexOf(cell) + 1;
  content.model?.sharedModel.insertCell(index, { cell_type: 'code', source, metadata: {} });
  return content.widgets[index] as CodeCell;
}
