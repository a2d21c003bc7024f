import type { CodeCell, ICodeCellModel } from '@jupyterlab/cells';
import type { IMimeBundle, IOutput } from '@jupyterlab/nbformat';
import type { JSONObject } from '@lumino/coreutils';

/** A run's bundle, as the kernel's magic would have left it. */
export interface Bundle {
  data: IMimeBundle;
  metadata: JSONObject;
}

/** Where a run shows what comes, and replaces it as more of it comes. */
export interface Output {
  show(bundle: Bundle): void;
  /** Take away what came: the run failed, and why in a sentence. */
  fail(why: string): void;
}

/** The output of a code cell. */
export class CellOutput implements Output {
  private begun = false;

  constructor(private readonly cell: CodeCell) {}

  show(bundle: Bundle): void {
    const { outputs } = this;
    const output: IOutput = { output_type: 'display_data', ...bundle };
    if (!this.begun) {
      outputs?.clear();
      this.begun = true;
    }
    if (outputs?.length) {
      outputs.set(0, output);
    } else {
      outputs?.add(output);
    }
  }

  fail(): void {
    if (this.begun) {
      this.outputs?.clear();
    }
  }

  /** The cell may be deleted while the run goes on, and has no model then. */
  private get outputs(): ICodeCellModel['outputs'] | undefined {
    return (this.cell.model as ICodeCellModel | null)?.outputs;
  }
}
