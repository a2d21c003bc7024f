import type { Cell } from '@jupyterlab/cells';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { findPrompt, isSame } from './prompt';

/** Return the cell whose output holds a node; null where it stands elsewhere, such as a preview. */
export function findCell(
  tracker: INotebookTracker,
  node: Node
): { panel: NotebookPanel; index: number } | null {
  let found: { panel: NotebookPanel; index: number } | null = null;
  tracker.forEach(panel => {
    const index = panel.content.widgets.findIndex(cell => cell.node.contains(node));
    if (index >= 0) {
      found = { panel, index };
    }
  });
  return found;
}

/**
 * Put a new prompt where the old one stands: in the markdown or raw cell above, where the prompt came
 * from there, else in the output's own cell, below its magic.
 *
 * Returns false, and changes nothing, where the old prompt is no longer there.
 */
export function applyToCell(
  cells: readonly Cell[],
  index: number,
  old: string,
  text: string
): boolean {
  const own = cells[index];
  const above = cells[index - 1];
  const origin = above && above.model.type !== 'code' && holds(above, old) ? above : own;
  if (!origin || !holds(origin, old)) {
    return false;
  }
  replace(origin, text);
  if (own && own !== origin && holds(own, old)) {
    replace(own, text);
  }
  return true;
}

function holds(cell: Cell, prompt: string): boolean {
  const found = findPrompt(cell.model.sharedModel.getSource(), cell.model.type);
  return found !== null && isSame(found.text, prompt);
}

function replace(cell: Cell, text: string): void {
  const source = cell.model.sharedModel.getSource();
  const head = findPrompt(source, cell.model.type)?.head ?? '';
  cell.model.sharedModel.setSource(head + (source.endsWith('\n') ? text : text.replace(/\n$/, '')));
}
