import type { ICellModel, ICodeCellModel } from '@jupyterlab/cells';
import type { INotebookModel } from '@jupyterlab/notebook';
import type { Hit } from '../api/facts';
import { Points } from '../text/points';
import { replaceSource } from '../text/replace';

/** A text of a notebook that is saved with it, and how to take something out of it. */
export interface Part {
  /** The cell's index; null for the notebook's own metadata. */
  cell: number | null;
  place: 'source' | 'output' | 'metadata';
  text: string;
  clear(hits: Hit[]): void;
}

/** Return all that a notebook's file would hold, but pictures. */
export function collectTexts(model: INotebookModel | null): Part[] {
  if (!model) {
    return [];
  }
  const cells = Array.from({ length: model.cells.length }, (_, index) =>
    partsOf(model.cells.get(index), index)
  ).flat();
  const metadata = metadataParts(model.metadata, null, key => {
    model.deleteMetadata(key);
  });
  return [...cells, ...metadata].filter(({ text }) => text);
}

/** Take what was hit out of the notebook. */
export function clearHits(parts: readonly Part[], hits: readonly Hit[]): void {
  parts.forEach((part, index) => {
    const own = hits.filter(hit => hit.index === index);
    if (own.length) {
      part.clear(own);
    }
  });
}

/** Return a text with each hit replaced by what it was. */
export function withoutHits(text: string, hits: readonly Hit[]): string {
  const points = new Points(text);
  let result = '';
  let position = 0;
  for (const { start, end, label } of [...hits].sort((a, b) => a.start - b.start)) {
    result += `${points.slice(position, start)}[removed: ${label}]`;
    position = end;
  }
  return result + points.slice(position);
}

function partsOf(cell: ICellModel, index: number): Part[] {
  const text = cell.sharedModel.getSource();
  const source: Part = {
    cell: index,
    place: 'source',
    text,
    clear: hits => {
      // What changed while the person was asked is looked at again, and cleared then.
      if (cell.sharedModel.getSource() === text) {
        replaceSource(cell.sharedModel, withoutHits(text, hits));
      }
    }
  };
  const metadata = metadataParts(cell.metadata, index, key => {
    cell.deleteMetadata(key);
  });
  return [source, ...outputParts(cell, index), ...metadata];
}

function outputParts(cell: ICellModel, index: number): Part[] {
  if (cell.type !== 'code') {
    return [];
  }
  const { outputs } = cell as ICodeCellModel;
  const text = JSON.stringify(outputs.toJSON(), (key, value: unknown) =>
    key.startsWith('image/') && key !== 'image/svg+xml' ? '' : value
  );
  const clear = (): void => {
    outputs.clear();
  };
  return outputs.length ? [{ cell: index, place: 'output', text, clear }] : [];
}

function metadataParts(
  metadata: object,
  cell: number | null,
  remove: (key: string) => void
): Part[] {
  return Object.entries(metadata).map(([key, value]) => ({
    cell,
    place: 'metadata',
    text: `${key}: ${JSON.stringify(value)}`,
    clear: () => {
      remove(key);
    }
  }));
}
