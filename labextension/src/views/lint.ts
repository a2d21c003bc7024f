import type { TranslationBundle } from '@jupyterlab/translation';
import type { LintFinding, LintReport } from '../api/results';
import { groupAlike } from '../text/alike';
import { badge, h, type Tone } from './dom';
import { findingList, MarkedPrompt } from './parts';

const TONES: Record<LintFinding['level'], Tone> = {
  error: 'bad',
  warning: 'warning',
  hint: 'info'
};

/** More findings of one rule than that are shown as the first few and a count, with some line numbers. */
const MOST_ALIKE = 5;
const BEFORE_FOLD = 3;
const MOST_LINES = 10;

/** A lint report: the rules' findings beside the words they speak of. No score. */
export function viewLint(result: LintReport, trans: TranslationBundle): HTMLElement[] {
  const heading = h('h3', { class: 'assay-heading' }, trans.__('Lint'), ' ');
  if (!result.text.trim()) {
    return [heading, h('p', {}, trans.__('The prompt is empty: nothing was checked.'))];
  }
  if (!result.findings.length) {
    heading.append(badge(trans.__('pass'), 'good'));
    return [heading, h('p', {}, trans.__('Lint found nothing.'))];
  }
  const entries = fold(result.findings).map((entry, index) => ({
    ...entry,
    label: String(index + 1)
  }));
  const marks = entries.map(({ finding: { start, end, level }, label }) => ({
    start,
    end,
    label,
    tone: TONES[level]
  }));
  const prompt = new MarkedPrompt(
    result.text,
    marks,
    trans.__('The prompt, with its findings marked')
  );
  const items = entries.map(({ finding, folded, label }) => ({
    label,
    node: viewFinding(finding, folded, label, trans)
  }));
  const more = result.omitted
    ? [h('p', { class: 'assay-note' }, trans.__('%1 more in .findings', result.omitted))]
    : [];
  return [heading, prompt.node, findingList(items, prompt), ...more];
}

function viewFinding(
  finding: LintFinding,
  folded: readonly LintFinding[],
  label: string,
  trans: TranslationBundle
): HTMLElement {
  return h(
    'li',
    { class: 'assay-item' },
    h('span', { class: 'assay-label' }, label),
    h(
      'div',
      { class: 'assay-title' },
      finding.message,
      ' ',
      badge(finding.level, TONES[finding.level]),
      ' ',
      badge(finding.rule)
    ),
    finding.fix &&
      h(
        'div',
        { class: 'assay-more' },
        ...(finding.fix.replacement.trim()
          ? [trans.__('Fix: write '), h('code', {}, finding.fix.replacement)]
          : [trans.__('Fix: delete it.')])
      ),
    folded.length ? h('div', { class: 'assay-more' }, countOf(finding.rule, folded, trans)) : null
  );
}

/** A finding that is shown, and those of its rule that a line behind it counts. */
interface Entry {
  finding: LintFinding;
  folded: LintFinding[];
}

/** Return what is shown, in order: all of a rule, or its first where it has many. */
function fold(findings: readonly LintFinding[]): Entry[] {
  const behind = new Map<LintFinding, LintFinding[]>();
  for (const group of groupAlike(findings)) {
    const most = group.length > MOST_ALIKE ? BEFORE_FOLD : group.length;
    group.slice(0, most).forEach((finding, index) => {
      behind.set(finding, index === most - 1 ? group.slice(most) : []);
    });
  }
  return findings.flatMap(finding => {
    const folded = behind.get(finding);
    return folded ? [{ finding, folded }] : [];
  });
}

function countOf(rule: string, folded: readonly LintFinding[], trans: TranslationBundle): string {
  const lines = [...new Set(folded.map(({ line }) => line))];
  const named = lines.slice(0, MOST_LINES).join(', ') + (lines.length > MOST_LINES ? ' …' : '');
  return lines.length === 1
    ? trans.__('%1: %2 more of the same, on line %3', rule, folded.length, named)
    : trans.__('%1: %2 more of the same, on lines %3', rule, folded.length, named);
}
