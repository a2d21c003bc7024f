import { RangeSetBuilder, StateEffect, StateField, type Extension } from '@codemirror/state';
import {
  Decoration,
  EditorView,
  ViewPlugin,
  type DecorationSet,
  type ViewUpdate
} from '@codemirror/view';
import type { Marks } from '../api/facts';
import { findPrompt } from '../cells/prompt';
import { Points } from '../text/points';
import { showHidden } from '../text/hidden';

const PAUSE = 400;

/** A stretch of the editor's text, in UTF-16 units. */
export interface Stretch {
  from: number;
  to: number;
  kind: string;
  title: string;
}

/** Return where the marks of a prompt stand in the whole cell. */
export function placeMarks(marks: Marks, head: string, prompt: string): Stretch[] {
  const points = new Points(prompt);
  const place = (start: number, end: number, kind: string, title: string): Stretch => ({
    from: head.length + points.unit(start),
    to: head.length + points.unit(end),
    kind,
    title: showHidden(title)
  });
  const variables = marks.variables.map(({ name, start, end }) =>
    place(start, end, 'variable', name)
  );
  const findings = marks.findings.map(({ level, rule, message, start, end }) =>
    place(start, end, level, `${rule}: ${message}`)
  );
  return [...variables, ...findings]
    .filter(({ from, to }) => from < to)
    .sort((a, b) => a.from - b.from || a.to - b.to);
}

const setMarks = StateEffect.define<Stretch[]>();

const field = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (marks, transaction) => {
    for (const effect of transaction.effects) {
      if (effect.is(setMarks)) {
        return decorate(effect.value);
      }
    }
    return marks.map(transaction.changes);
  },
  provide: field => EditorView.decorations.from(field)
});

function decorate(stretches: readonly Stretch[]): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  for (const { from, to, kind, title } of stretches) {
    builder.add(
      from,
      to,
      Decoration.mark({ class: `assay-in-cell assay-${kind}`, attributes: { title } })
    );
  }
  return builder.finish();
}

/**
 * Return the editor extension that marks prompt cells.
 *
 * The rules are the package's own, asked for over the server extension when the typing pauses: no
 * second implementation, no key, no provider. A cell that is no prompt is never sent.
 */
export function promptMarks(
  lint: (text: string) => Promise<Marks>,
  isOn: () => boolean
): Extension {
  const plugin = ViewPlugin.fromClass(
    class {
      private timer = 0;
      private shown = false;

      constructor(private readonly view: EditorView) {
        this.plan();
      }

      update(update: ViewUpdate): void {
        if (update.docChanged) {
          this.plan();
        }
      }

      destroy(): void {
        window.clearTimeout(this.timer);
      }

      private plan(): void {
        window.clearTimeout(this.timer);
        this.timer = window.setTimeout(() => void this.ask(), PAUSE);
      }

      private async ask(): Promise<void> {
        const source = this.view.state.doc.toString();
        const prompt = isOn() ? findPrompt(source, 'code') : null;
        if (!prompt?.text.trim()) {
          this.show([]);
          return;
        }
        try {
          const marks = await lint(prompt.text);
          if (this.view.state.doc.toString() === source) {
            this.show(placeMarks(marks, prompt.head, prompt.text));
          }
        } catch {
          this.show([]); // no server extension: the editor is as it was
        }
      }

      private show(stretches: Stretch[]): void {
        if (stretches.length || this.shown) {
          this.shown = stretches.length > 0;
          this.view.dispatch({ effects: setMarks.of(stretches) });
        }
      }
    }
  );
  return [field, plugin];
}
