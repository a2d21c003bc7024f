import type { Cell } from '@jupyterlab/cells';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { replaceSource } from '../text/replace';
import { findPrompt, isSame } from './prompt';

/** Which cell a result is about, where it is shown outside of the notebook. */
const origins = new WeakMap<Node, Cell>();

/** Say which cell the results within a node are about. */
export function setOrigin(node: Node, cell: Cell): void {
  origins.set(node, cell);
}

/** Return the cell that the results around a node are about; null where they are within a notebook. */
export function originOf(node: Node): Cell | null {
  for (let at: Node | null = node; at; at = at.parentNode) {
    const cell = origins.get(at);
    if (cell) {
      return cell;
    }
  }
  return null;
}

/** Put a new prompt into the cell that it came from. False, and nothing is changed, where it is gone. */
export function applyToOrigin(cell: Cell, old: string, text: string): boolean {
  if (cell.isDisposed || !holds(cell, old)) {
    return false;
  }
  replace(cell, text);
  return true;
}

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
  const kept = source.endsWith('\n') ? text : text.replace(/\n$/, '');
  replaceSource(cell.model.sharedModel, head + kept);
}
