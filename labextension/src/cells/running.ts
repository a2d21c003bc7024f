import type { CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { IMimeBundle, IOutput } from '@jupyterlab/nbformat';
import type { JSONObject } from '@lumino/coreutils';
import { AssayError, type Api } from '../api/request';
import type { ServerEvent } from '../api/events';
import { asSent, findPrompt } from './prompt';

export type Instrument = 'critique' | 'improve' | 'rewrite';

/** A run's bundle, as the kernel's magic would have left it. */
interface Bundle {
  data: IMimeBundle;
  metadata: JSONObject;
}

/** Why a cell cannot be run, in a sentence. */
export class NoPrompt extends Error {}

/**
 * Run an instrument on the active cell's prompt and show what comes below it.
 *
 * A code cell shows the result as its output. For a markdown or raw cell, which has none, a code cell
 * with the magic and the same prompt follows it: run again, it does the same in the kernel.
 */
export async function runOnCell(
  panel: NotebookPanel,
  instrument: Instrument,
  api: Api,
  signal: AbortSignal,
  asking: (text: string) => void
): Promise<void> {
  const cell = panel.content.activeCell;
  const prompt = cell && findPrompt(cell.model.sharedModel.getSource(), cell.model.type);
  if (!prompt?.text.trim()) {
    throw new NoPrompt();
  }
  const target = prompt.magic
    ? (cell as CodeCell)
    : insertBelow(panel, `%%${instrument}\n${prompt.text}`);
  const output = new CellOutput(target);
  for await (const event of api.run({ instrument, prompt: asSent(prompt.text) }, signal)) {
    await show(event, output, asking);
  }
}

async function show(
  event: ServerEvent,
  output: CellOutput,
  asking: (text: string) => void
): Promise<void> {
  switch (event.name) {
    case 'started': {
      const { provider, model } = event.data as { provider: string; model: string };
      asking(`${provider}/${model}`);
      return;
    }
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
      output.clear();
      throw new AssayError(message, hint, code);
    }
    default:
      await Promise.resolve();
  }
}

function insertBelow(panel: NotebookPanel, source: string): CodeCell {
  const { content } = panel;
  const index = content.activeCellIndex + 1;
  content.model?.sharedModel.insertCell(index, { cell_type: 'code', source, metadata: {} });
  return content.widgets[index] as CodeCell;
}

/** The one output that a run shows, and replaces as more of it comes. */
class CellOutput {
  private begun = false;

  constructor(private readonly cell: CodeCell) {}

  show(bundle: Bundle): void {
    const { outputs } = this.cell.model;
    const output: IOutput = { output_type: 'display_data', ...bundle };
    if (!this.begun) {
      outputs.clear();
      this.begun = true;
    }
    if (outputs.length) {
      outputs.set(0, output);
    } else {
      outputs.add(output);
    }
  }

  clear(): void {
    if (this.begun) {
      this.cell.model.outputs.clear();
    }
  }
}
