import type { TranslationBundle } from '@jupyterlab/translation';
import type { Status } from '../src/api/facts';
import type { Critique, Improvement, LintReport, Rewrite } from '../src/api/results';
import type { IAssay } from '../src/tokens';
import { viewCritique } from '../src/views/critique';
import { h } from '../src/views/dom';
import { Review } from '../src/views/improvement';
import { viewLint } from '../src/views/lint';
import { viewRewrite } from '../src/views/rewrite';
import { Sidebar } from '../src/views/sidebar';
import { describe as describeStatus } from '../src/views/standing';

// Lumino's own needs drag events, which jsdom has not.
jest.mock('@lumino/widgets', () => ({
  Widget: class {
    readonly node = document.createElement('div');
    readonly isVisible = true;
    readonly addClass = jest.fn();
  }
}));

const trans = {
  __: (text: string, ...values: unknown[]) =>
    text.replace(/%(\d)/g, (_, n: string) => String(values[Number(n) - 1]))
} as unknown as TranslationBundle;

const improvement = {
  schema: 'assay.improvement.v1',
  prompt: 'Be brief and detailed. <b>Bold</b>.',
  findings: [],
  edits: [
    {
      number: 1,
      finding: 'f1',
      op: 'replace',
      start: 3,
      end: 8,
      text: 'short',
      risk: 'low',
      warnings: []
    },
    {
      number: 2,
      finding: 'f2',
      op: 'replace',
      start: 23,
      end: 34,
      text: '<img src=x onerror=alert(1)>',
      risk: 'high',
      warnings: []
    }
  ],
  dropped: [],
  accepted: [1, 2],
  complete: true,
  provenance: {
    provider: '',
    model: '',
    usage: { input_tokens: null, output_tokens: null },
    cost: null,
    seconds: null,
    workspace: '',
    funding: 'workspace'
  }
} as unknown as Improvement;

function review(
  choose = jest.fn(),
  apply = jest.fn()
): { view: Review; page: HTMLElement; choose: jest.Mock; apply: jest.Mock } {
  const view = new Review(improvement, { accepted: improvement.accepted, choose, apply }, trans);
  const page = h('div', {}, ...view.nodes);
  document.body.replaceChildren(page); // what is in no page hears no change
  return { view, page, choose, apply };
}

function press(page: HTMLElement, text: string): void {
  [...page.querySelectorAll('button')].find(one => one.textContent === text)?.click();
}

describe('text in the page', () => {
  test('markup is shown and not made', () => {
    const node = h('p', {}, '<img src=x onerror=alert(1)>');
    expect(node.children).toHaveLength(0);
    expect(node.textContent).toBe('<img src=x onerror=alert(1)>');
  });

  test('a model’s edit makes no element', () => {
    expect(review().page.querySelectorAll('img, b, script')).toHaveLength(0);
  });
});

describe('a review', () => {
  test('a rejected edit is left out of the text', () => {
    const { view, page, choose } = review();
    page.querySelectorAll('input')[1]?.click();
    expect(view.text).toBe('Be short and detailed. <b>Bold</b>.');
    expect(choose).toHaveBeenCalledWith([1]);
  });

  test('all can be rejected and accepted at once', () => {
    const { view, page } = review();
    press(page, 'Reject all');
    expect(view.text).toBe(improvement.prompt);
    press(page, 'Accept all');
    expect(view.accepted).toEqual([1, 2]);
  });

  test('each edit says in words whether it is accepted', () => {
    const { page } = review();
    page.querySelectorAll('input')[0]?.click();
    expect([...page.querySelectorAll('.assay-choice')].map(node => node.textContent)).toEqual([
      'rejected',
      'accepted'
    ]);
  });

  test('what is applied is the text with the accepted edits', () => {
    const { view, page, apply } = review();
    press(page, 'Apply to cell');
    expect(apply).toHaveBeenCalledWith(view.text);
  });

  test('the diff is against the original, whatever is accepted', () => {
    const { page } = review();
    const before = [...page.querySelectorAll('.assay-diff')].map(node => node.textContent);
    press(page, 'Reject all');
    expect([...page.querySelectorAll('.assay-diff')].map(node => node.textContent)).toEqual(before);
  });
});

describe('a card', () => {
  const { provenance } = improvement;
  const text = (nodes: HTMLElement[]) => h('div', {}, ...nodes).textContent ?? '';

  test('a critique that does not pass says that the prompt needs work', () => {
    const items = [
      { question_id: 'task.action', answer: 'yes' },
      { question_id: 'task.scope', answer: 'no' },
      { question_id: 'task.done', answer: 'na' }
    ];
    const critique = {
      prompt: 'Be brief.',
      verdict: 'report',
      score: 3,
      dimensions: [{ id: 'task', score: 3, na_reason: null, items }],
      findings: [],
      consistency: { unanchored: 0, contradicted: 0 },
      provenance
    } as unknown as Critique;

    const shown = text(viewCritique(critique, trans));

    expect(shown).toContain('needs work');
    expect(shown).toContain('1 of 2 answered yes');
  });

  test('a rewrite shows its goal', () => {
    const rewrite = {
      proposed: 'Be brief.',
      accepted: true,
      complete: true,
      breaches: [],
      ledger: [],
      changes: [],
      goal: 'a program reads the reply',
      provenance
    } as unknown as Rewrite;

    expect(text(viewRewrite(rewrite, null, trans))).toContain('Goal: a program reads the reply');
  });

  test('a lint report says what it leaves out, and that an empty prompt was not checked', () => {
    const finding = { rule: 'A002', level: 'error', message: 'm', start: 0, end: 2, fix: null };
    const report = { text: 'Be brief.', findings: [finding], omitted: 1970 };

    expect(text(viewLint(report as unknown as LintReport, trans))).toContain('1970 more');
    const empty = text(viewLint({ text: ' ', findings: [] } as unknown as LintReport, trans));
    expect(empty).toContain('The prompt is empty');
    expect(empty).not.toContain('pass');
  });
});

describe('a lint report', () => {
  const page = (lines: number[], more: object = {}): HTMLElement => {
    const findings = lines.map((line, index) => ({
      rule: 'A004',
      level: 'hint',
      message: `Number ${index + 1}.`,
      start: index,
      end: index + 1,
      line,
      fix: null,
      ...more
    }));
    const report = { text: 'x'.repeat(lines.length), findings } as unknown as LintReport;
    return h('div', {}, ...viewLint(report, trans));
  };
  const items = (node: HTMLElement): (string | null)[] =>
    [...node.querySelectorAll('.assay-title')].map(item => item.textContent);

  test('shows hints, and five findings of one rule', () => {
    const shown = page([1, 2, 3, 4, 5]);

    expect(items(shown)).toHaveLength(5);
    expect(items(shown)[4]).toBe('Number 5. hint A004');
    expect(shown.textContent).not.toContain('more of the same');
  });

  test('shows the first three where there are more, and counts the others', () => {
    const shown = page(Array.from({ length: 20 }, (_, index) => index + 1));

    expect(items(shown)).toHaveLength(3);
    expect(shown.querySelectorAll('mark')).toHaveLength(3);
    expect(shown.querySelector('li:last-child')?.textContent).toContain(
      'A004: 17 more of the same, on lines 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 …'
    );
  });

  test('names a line once', () => {
    expect(page([1, 2, 3, 8, 8, 8]).textContent).toContain('3 more of the same, on line 8');
  });
});

describe('without an active workspace', () => {
  const status: Status = {
    mode: 'solo',
    version: '1',
    user: 'ada',
    workspace: null,
    keys: [],
    model: null,
    budget: { granted: 7, left: 7 },
    warnings: [],
    setups: [],
    keyway: null
  };
  const facts = [
    { id: 'a', name: 'research', kind: 'team', role: 'owner', model: null, active: false },
    { id: 'b', name: 'marketing', kind: 'team', role: 'owner', model: null, active: false }
  ];

  test('the status bar says so', () => {
    expect(describeStatus(status, trans)).toBe('no workspace chosen');
  });

  test('the sidebar says so, asks for nothing of it, and lets one choose', async () => {
    const useWorkspace = jest.fn().mockResolvedValue(facts[1]);
    const ofOne = jest.fn();
    const api = {
      workspaces: () => Promise.resolve(facts),
      models: () => Promise.resolve([]),
      members: ofOne,
      calls: ofOne,
      usage: ofOne,
      useWorkspace
    };
    let redraw: () => void = () => undefined;
    const changed = {
      connect: (slot: () => void, self: object) => (redraw = slot.bind(self)),
      disconnect: () => true
    };
    const refresh = jest.fn().mockResolvedValue(undefined);
    const assay = { api, status, trouble: null, changed, refresh } as unknown as IAssay;
    const { node } = new Sidebar(assay, trans);
    redraw();
    await new Promise(resolve => setTimeout(resolve));

    const select = node.querySelector('select');
    expect(select?.selectedOptions[0]?.textContent).toBe('no workspace chosen');
    expect(ofOne).not.toHaveBeenCalled();
    expect(node.querySelector('.assay-card')).toBeNull();
    Object.assign(select ?? {}, { value: 'b' });
    select?.dispatchEvent(new Event('change'));
    expect(useWorkspace).toHaveBeenCalledWith('b');
  });
});

describe('a model that is about to be shut down', () => {
  test('is warned of in the sidebar', async () => {
    const active = {
      id: 'a',
      name: 'research',
      kind: 'team',
      role: 'owner',
      model: 'openai/gpt-5',
      active: true
    } as const;
    const warning = 'openai/gpt-5 is due to be shut down on 2026-12-11. Use gpt-6.1-sol instead.';
    const status: Status = {
      mode: 'solo',
      version: '1',
      user: 'ada',
      workspace: active,
      keys: [],
      model: 'openai/gpt-5',
      budget: { granted: 0, left: 0 },
      warnings: [warning],
      setups: [],
      keyway: null
    };
    const none = () => Promise.resolve([]);
    const api = {
      workspaces: () => Promise.resolve([active]),
      models: none,
      members: none,
      calls: none,
      usage: () => Promise.resolve({ text: 'none.', bars: [], limits: [] })
    };
    let redraw: () => void = () => undefined;
    const changed = {
      connect: (slot: () => void, self: object) => (redraw = slot.bind(self)),
      disconnect: () => true
    };
    const assay = { api, status, trouble: null, changed } as unknown as IAssay;
    const { node } = new Sidebar(assay, trans);
    redraw();
    await new Promise(resolve => setTimeout(resolve));

    expect(node.querySelector('.assay-warning')?.textContent).toContain(warning);
  });
});
