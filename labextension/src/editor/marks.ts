import { Prec, StateEffect, StateField, type Extension } from '@codemirror/state';
import {
  Decoration,
  EditorView,
  ViewPlugin,
  type DecorationSet,
  type ViewUpdate
} from '@codemirror/view';
import type { ISignal } from '@lumino/signaling';
import type { Marks } from '../api/facts';
import { findPrompt } from '../cells/prompt';
import { groupAlike } from '../text/alike';
import { Points } from '../text/points';
import { showHidden } from '../text/hidden';

const PAUSE = 400;
/** Findings of one rule in one cell that are underlined. */
const MOST_ALIKE = 20;

/** What the person wants marked. */
export interface Marking {
  on: boolean;
  hints: boolean;
}

/** A stretch of the editor's text, in UTF-16 units. */
export interface Stretch {
  from: number;
  to: number;
  kind: string;
  title: string;
}

/** Return where the marks of a prompt stand in the whole cell. */
export function placeMarks(marks: Marks, head: string, prompt: string, hints: boolean): Stretch[] {
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
  const wanted = marks.findings.filter(
    ({ level, start, end }) => start < end && (hints || level !== 'hint')
  );
  const findings = fold(wanted).map(({ level, rule, start, end, title }) =>
    place(start, end, level, `${rule}: ${title}`)
  );
  return [...variables, ...findings]
    .filter(({ from, to }) => from < to)
    .sort((a, b) => a.from - b.from || a.to - b.to);
}

type Finding = Marks['findings'][number];

/** Return the first findings of each rule; the very first says how many are left out. */
function fold(findings: readonly Finding[]): (Finding & { title: string })[] {
  return groupAlike(findings).flatMap(group =>
    group.slice(0, MOST_ALIKE).map((finding, index) => {
      const more = index ? 0 : group.length - MOST_ALIKE;
      const said = more > 0 ? ` (${more} more of ${finding.rule} in this cell)` : '';
      return { ...finding, title: finding.message + said };
    })
  );
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
  // Behind the editor's own, and so around them: it draws a hidden character as a dot.
  provide: field => Prec.lowest(EditorView.decorations.from(field))
});

function decorate(stretches: readonly Stretch[]): DecorationSet {
  const marks = stretches.map(({ from, to, kind, title }) =>
    Decoration.mark({
      class: `assay-in-cell assay-${kind}`,
      attributes: { title },
      inclusive: kind !== 'variable' // without it, what the editor draws as a dot is left out
    }).range(from, to)
  );
  return Decoration.set(marks, true);
}

/**
 * Return the editor extension that marks prompt cells.
 *
 * The rules are the package's own, asked for over the server extension when the typing pauses: no
 * second implementation, no key, no provider. A cell that is no prompt is never sent. Where `changed`
 * says that the person wants something else marked, the cells are marked anew.
 */
export function promptMarks(
  lint: (text: string) => Promise<Marks>,
  marking: () => Marking,
  changed: ISignal<unknown, void>
): Extension {
  const plugin = ViewPlugin.fromClass(
    class {
      private timer = 0;
      private shown = false;

      constructor(private readonly view: EditorView) {
        changed.connect(this.plan, this);
        this.plan();
      }

      update(update: ViewUpdate): void {
        if (update.docChanged) {
          this.plan();
        }
      }

      destroy(): void {
        changed.disconnect(this.plan, this);
        window.clearTimeout(this.timer);
      }

      private plan(): void {
        window.clearTimeout(this.timer);
        this.timer = window.setTimeout(() => void this.ask(), PAUSE);
      }

      private async ask(): Promise<void> {
        const source = this.view.state.doc.toString();
        const prompt = marking().on ? findPrompt(source, 'code') : null;
        if (!prompt?.text.trim()) {
          this.show([]);
          return;
        }
        try {
          const marks = await lint(prompt.text);
          if (this.view.state.doc.toString() === source) {
            this.show(placeMarks(marks, prompt.head, prompt.text, marking().hints));
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
