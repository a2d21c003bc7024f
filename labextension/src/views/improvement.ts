import type { TranslationBundle } from '@jupyterlab/translation';
import type { Improvement, ProposedEdit } from '../api/results';
import { applyEdits, diffWords } from '../text/edits';
import { Points } from '../text/points';
import { badge, button, fill, h, newId } from './dom';
import { finePrint, notices, SEVERITY_TONES, spaced } from './parts';

const AROUND = 60;

export interface ReviewOptions {
  /** Which edits are accepted at first. */
  accepted: readonly number[];
  /** Called with the numbers of the accepted edits after each choice. */
  choose(accepted: number[]): void;
  /** Puts a text into the cell that the prompt came from; null where there is none. */
  apply: ((text: string) => void) | null;
}

/**
 * The review of an improvement: each edit with its reason, to accept or reject.
 *
 * The diff is against the original, whatever is accepted.
 */
export class Review {
  readonly nodes: HTMLElement[];
  private readonly boxes = new Map<number, HTMLInputElement>();
  private readonly preview = h('pre', { class: 'assay-prompt', attributes: { tabindex: '0' } });
  private readonly summary = h('span', { attributes: { 'aria-live': 'polite' } });

  constructor(
    private readonly result: Improvement,
    private readonly options: ReviewOptions,
    private readonly trans: TranslationBundle
  ) {
    const { edits, provenance } = result;
    this.preview.setAttribute('aria-label', trans.__('The prompt with the accepted edits'));
    const list = h('ol', { class: 'assay-list' }, ...edits.map(edit => this.hunk(edit)));
    const after = h(
      'details',
      { class: 'assay-details' },
      h('summary', {}, trans.__('The prompt with the accepted edits')),
      this.preview
    );
    after.open = true;
    const parts: (HTMLElement | null)[] = [
      h('h3', { class: 'assay-heading' }, trans.__('Improvement'), ' ', this.summary),
      ...notices(provenance, trans),
      edits.length ? list : h('p', {}, trans.__('There is no edit to propose.')),
      edits.length ? after : null,
      edits.length ? this.bar() : null,
      this.dropped(),
      finePrint(provenance, trans)
    ];
    this.nodes = parts.filter(part => part !== null);
    this.show(options.accepted);
  }

  /** The numbers of the accepted edits. */
  get accepted(): number[] {
    return [...this.boxes].filter(([, box]) => box.checked).map(([number]) => number);
  }

  /** The prompt with the accepted edits. */
  get text(): string {
    const numbers = new Set(this.accepted);
    return applyEdits(
      this.result.prompt,
      this.result.edits.filter(edit => numbers.has(edit.number))
    );
  }

  /** Accept these edits and no others. */
  show(accepted: readonly number[]): void {
    for (const [number, box] of this.boxes) {
      box.checked = accepted.includes(number);
    }
    this.update();
  }

  private update(): void {
    const { accepted, trans } = this;
    for (const [number, box] of this.boxes) {
      const taken = accepted.includes(number);
      box.closest('li')?.classList.toggle('assay-rejected', !taken);
      const word = box.parentElement?.querySelector('.assay-choice');
      if (word) {
        fill(word, taken ? trans.__('accepted') : trans.__('rejected'));
      }
    }
    fill(this.preview, this.text);
    fill(
      this.summary,
      this.boxes.size ? trans.__('%1 of %2 edits accepted', accepted.length, this.boxes.size) : ''
    );
  }

  private choose(accepted: readonly number[]): void {
    this.show(accepted);
    this.options.choose(this.accepted);
  }

  private hunk(edit: ProposedEdit): HTMLElement {
    const { result, trans } = this;
    const finding = result.findings.find(({ id }) => id === edit.finding);
    const reason = finding
      ? [finding.problem, finding.consequence].filter(Boolean).join(' → ')
      : '';
    const badges = finding ? [badge(finding.severity, SEVERITY_TONES[finding.severity])] : [];
    if (edit.risk !== 'low') {
      badges.push(badge(trans.__('%1 risk', edit.risk), 'warning'));
    }
    const id = newId();
    const box = h('input', {
      attributes: { type: 'checkbox', id, 'aria-describedby': `${id}-why` }
    });
    box.addEventListener('change', () => {
      this.choose(this.accepted);
    });
    this.boxes.set(edit.number, box);
    return h(
      'li',
      { class: 'assay-item' },
      h('span', { class: 'assay-label' }, String(edit.number)),
      this.diff(edit),
      h(
        'div',
        { class: 'assay-more', attributes: { id: `${id}-why` } },
        reason,
        ' ',
        ...spaced(badges)
      ),
      ...edit.warnings.map(({ message }) =>
        h('div', { class: 'assay-more' }, trans.__('Note: '), message)
      ),
      h(
        'label',
        { class: 'assay-accept', attributes: { for: id } },
        box,
        trans.__('Accept edit %1', edit.number),
        h('span', { class: 'assay-choice' })
      )
    );
  }

  private diff(edit: ProposedEdit): HTMLElement {
    const points = new Points(this.result.prompt);
    const before =
      points
        .slice(Math.max(0, edit.start - AROUND), edit.start)
        .split('\n')
        .at(-1) ?? '';
    const after = points.slice(edit.end, edit.end + AROUND).split('\n')[0] ?? '';
    const runs = diffWords(points.slice(edit.start, edit.end), edit.text);
    const parts = runs.map(({ op, text }) => {
      switch (op) {
        case 'deleted':
          return h('del', { attributes: { 'aria-label': this.trans.__('deleted') } }, text);
        case 'inserted':
          return h('ins', { attributes: { 'aria-label': this.trans.__('inserted') } }, text);
        default:
          return text;
      }
    });
    return h('pre', { class: 'assay-diff' }, before, ...parts, after);
  }

  private bar(): HTMLElement {
    const { trans, options } = this;
    const { apply } = options;
    const all = this.result.edits.map(edit => edit.number);
    const buttons = [
      button(trans.__('Accept all'), () => {
        this.choose(all);
      }),
      button(trans.__('Reject all'), () => {
        this.choose([]);
      })
    ];
    if (apply) {
      buttons.unshift(
        button(
          trans.__('Apply to cell'),
          () => {
            apply(this.text);
          },
          'assay-primary'
        )
      );
    }
    return h('div', { class: 'assay-actions' }, ...buttons);
  }

  private dropped(): HTMLElement | null {
    const { dropped } = this.result;
    if (!dropped.length) {
      return null;
    }
    const items = dropped.map(({ before, text, reason }) =>
      h('li', {}, reason, ' ', h('code', {}, before), ...(text ? [' → ', h('code', {}, text)] : []))
    );
    const title = this.trans.__('Dropped by the checks (%1)', dropped.length);
    return h('details', { class: 'assay-details' }, h('summary', {}, title), h('ul', {}, ...items));
  }
}
