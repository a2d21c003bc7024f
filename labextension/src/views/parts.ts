import type { TranslationBundle } from '@jupyterlab/translation';
import type { Finding, Provenance } from '../api/results';
import { cutAtMarks, type Mark } from '../text/marks';
import { badge, h, type Tone } from './dom';

export const SEVERITY_TONES: Record<Finding['severity'], Tone> = {
  blocker: 'bad',
  major: 'bad',
  minor: 'warning',
  nit: 'neutral'
};

/** What must not be overlooked: no model answered, or the call was stopped. */
export function notices(provenance: Provenance, trans: TranslationBundle): HTMLElement[] {
  const found: HTMLElement[] = [];
  if (provenance.practice) {
    const text = trans.__(
      'Practice provider: this reply comes from the lint rules, not from a model.'
    );
    found.push(notice(text, 'info'));
  }
  if (provenance.stopped) {
    const text = trans.__('Stopped. This is what had come by then; it was not checked whole.');
    found.push(notice(text, 'warning'));
  }
  return found;
}

/** One sentence in a frame. */
export function notice(text: string, tone: Tone): HTMLElement {
  return h('p', { class: `assay-notice assay-${tone}`, attributes: { role: 'note' } }, text);
}

/** The last line: model, tokens, cost. What is not known is left out. */
export function finePrint(provenance: Provenance, trans: TranslationBundle): HTMLElement | null {
  const { usage, cost } = provenance;
  const count = (value: number | null): string => value?.toLocaleString() ?? '';
  const parts = [
    [provenance.provider, provenance.model].filter(Boolean).join('/'),
    usage.input_tokens === null ? '' : trans.__('%1 tokens in', count(usage.input_tokens)),
    usage.output_tokens === null ? '' : trans.__('%1 out', count(usage.output_tokens)),
    cost === null
      ? ''
      : cost > 0 && cost < 0.0001
        ? '< $0.0001'
        : `≈ $${cost.toFixed(cost < 0.1 ? 4 : 2)}`,
    provenance.seconds === null ? '' : trans.__('%1 s', provenance.seconds.toFixed(1)),
    provenance.workspace && trans.__('workspace %1', provenance.workspace),
    provenance.funding === 'workspace' ? '' : provenance.funding
  ].filter(Boolean);
  return parts.length ? h('p', { class: 'assay-fine' }, parts.join(' · ')) : null;
}

/**
 * A prompt with marks on the words that findings speak of.
 *
 * Looking at a finding, by pointer or by keyboard, lights up its words and no others.
 */
export class MarkedPrompt {
  readonly node: HTMLElement;
  private readonly stretches: { node: HTMLElement; labels: Set<string> }[] = [];

  constructor(prompt: string, marks: readonly Mark[], label: string) {
    const parts = cutAtMarks(prompt, marks).flatMap(segment => {
      const text = this.stretch(segment.text, segment.marks);
      const numbers = segment.ends.map(mark => h('sup', { class: 'assay-number' }, mark.label));
      return [text, ...numbers];
    });
    this.node = h(
      'pre',
      { class: 'assay-prompt', attributes: { tabindex: '0', 'aria-label': label } },
      ...parts
    );
  }

  /** Light up the words of one finding; null lights up none. */
  show(label: string | null): void {
    for (const { node, labels } of this.stretches) {
      node.classList.toggle('assay-lit', label !== null && labels.has(label));
    }
  }

  /** Bring a finding's first words into view, within the prompt alone. */
  reveal(label: string): void {
    const first = this.stretches.find(({ labels }) => labels.has(label));
    if (first) {
      this.node.scrollTop = first.node.offsetTop - this.node.offsetTop - 24;
    }
  }

  private stretch(text: string, marks: readonly Mark[]): Node | string {
    const [strongest] = marks;
    if (!strongest || !text) {
      return text;
    }
    const node = h('mark', { class: `assay-mark assay-${strongest.tone}` }, text);
    this.stretches.push({ node, labels: new Set(marks.map(mark => mark.label)) });
    return node;
  }
}

/** A list whose items light up their words in the prompt. */
export function findingList(
  items: { label: string; node: HTMLElement }[],
  prompt: MarkedPrompt
): HTMLElement {
  const list = h('ol', { class: 'assay-list' });
  for (const { label, node } of items) {
    node.tabIndex = 0;
    const show = (): void => {
      prompt.show(label);
      prompt.reveal(label);
    };
    node.addEventListener('focusin', show);
    node.addEventListener('pointerenter', show);
    node.addEventListener('focusout', () => {
      prompt.show(null);
    });
    node.addEventListener('pointerleave', () => {
      prompt.show(null);
    });
    list.append(node);
  }
  return list;
}

/** One finding: what, where, what comes of it, what would mend it. */
export function findingItem(finding: Finding, trans: TranslationBundle): HTMLElement {
  const number = finding.id.replace(/^f/, '');
  const places = finding.evidence.flatMap((anchor, index) => [
    index ? trans.__(' against ') : '',
    h('code', {}, anchor.quote)
  ]);
  const badges = [
    badge(finding.severity, SEVERITY_TONES[finding.severity]),
    badge(dimension(finding.dimension, trans))
  ];
  if (finding.origin === 'lint') {
    badges.push(badge(trans.__('lint'), 'info'));
  }
  return h(
    'li',
    { class: 'assay-item' },
    h('span', { class: 'assay-label' }, number),
    h('div', { class: 'assay-title' }, finding.problem, ' ', ...spaced(badges)),
    h(
      'div',
      { class: 'assay-more' },
      finding.kind === 'absent' ? trans.__('Missing after ') : trans.__('At '),
      ...places
    ),
    finding.consequence ? h('div', { class: 'assay-more' }, '→ ', finding.consequence) : null,
    finding.fix &&
      h(
        'div',
        { class: 'assay-more' },
        ...(finding.fix.op === 'delete'
          ? [trans.__('Fix: delete it.')]
          : [
              finding.fix.op === 'insert_after' ? trans.__('Fix: add ') : trans.__('Fix: write '),
              h('code', {}, finding.fix.text)
            ])
      )
  );
}

/** Marks of findings, the worst last so that it is drawn on top. */
export function marksOf(findings: readonly Finding[]): Mark[] {
  return findings.flatMap(finding =>
    finding.evidence.map(({ start, end }) => ({
      start,
      end,
      label: finding.id.replace(/^f/, ''),
      tone: SEVERITY_TONES[finding.severity]
    }))
  );
}

/** The rubric's words for a dimension; its id where this version does not know it. */
export function dimension(id: string, trans: TranslationBundle): string {
  const labels: Record<string, string> = {
    task: trans.__('Task clarity'),
    context: trans.__('Context and inputs'),
    output: trans.__('Output contract'),
    consistency: trans.__('Consistency and priority'),
    examples: trans.__('Examples and edge cases'),
    robustness: trans.__('Robustness')
  };
  return labels[id] ?? id;
}

/** Put a blank between nodes, so that they read as words where there is no style. */
export function spaced(nodes: readonly Node[]): (Node | string)[] {
  return nodes.flatMap((node, index) => (index ? [' ', node] : [node]));
}
