/** @jest-environment node */
import { applyEdits, diffWords } from '../src/text/edits';
import { showHidden } from '../src/text/hidden';
import { cutAtMarks } from '../src/text/marks';
import { Points } from '../src/text/points';
import { parseEvent, readEvents } from '../src/api/events';
import { findPrompt, isSame } from '../src/cells/prompt';
import { withoutHits } from '../src/guard/parts';
import { placeMarks } from '../src/editor/marks';

describe('positions', () => {
  test('a code point behind an emoji is two units further', () => {
    expect(new Points('🔑key').unit(1)).toBe(2);
    expect(new Points('🔑key').slice(1, 4)).toBe('key');
  });

  test('a mark in a cell stands below the magic', () => {
    const marks = { findings: [], variables: [{ name: 'x', start: 1, end: 6 }] };
    expect(placeMarks(marks, '%%critique\n', '🔑{{x}}', false)).toEqual([
      { from: 13, to: 18, kind: 'variable', title: 'x' }
    ]);
  });
});

describe('edits', () => {
  const original = 'Be 🔑 brief and detailed.';

  test('what no edit touches stays as it was', () => {
    expect(applyEdits(original, [{ start: 5, end: 10, text: 'short' }])).toBe(
      'Be 🔑 short and detailed.'
    );
    expect(applyEdits(original, [])).toBe(original);
  });

  test('edits that overlap are refused', () => {
    const edits = [
      { start: 0, end: 5, text: '' },
      { start: 3, end: 6, text: '' }
    ];
    expect(() => applyEdits(original, edits)).toThrow(RangeError);
  });

  test('a diff keeps the words of both sides', () => {
    for (const [before, after] of [
      ['briefly and be detailed', 'in two sentences'],
      ['mood and text', 'mood (calm or angry) and text'],
      ['', 'new'],
      ['old', ''],
      ['  a  b ', 'a b'],
      ['x '.repeat(900), 'y']
    ] as const) {
      const runs = diffWords(before, after);
      const side = (drop: string): string =>
        runs
          .filter(({ op }) => op !== drop)
          .map(({ text }) => text)
          .join('');
      expect(side('inserted')).toBe(before);
      expect(side('deleted')).toBe(after);
    }
  });

  test('a word that was put in is all that a diff marks', () => {
    expect(
      diffWords('mood and text', 'mood (calm) and text').filter(({ op }) => op !== 'same')
    ).toEqual([{ op: 'inserted', text: '(calm) ' }]);
  });
});

describe('marks', () => {
  const mark = (start: number, end: number, label: string) => ({ start, end, label, tone: 'bad' });

  test('marks may overlap', () => {
    const cut = cutAtMarks('abcdef', [mark(0, 4, '1'), mark(2, 6, '2')]);
    expect(cut.map(({ text, marks }) => [text, marks.map(({ label }) => label).join()])).toEqual([
      ['ab', '1'],
      ['cd', '1,2'],
      ['ef', '2'],
      ['', '']
    ]);
  });

  test('a mark beyond the text is cut to it', () => {
    expect(
      cutAtMarks('ab', [mark(1, 99, '1')])
        .map(({ text }) => text)
        .join('')
    ).toBe('ab');
  });
});

describe('hidden characters', () => {
  test.each([
    ['a\u202Eb', 'a⟨U+202E⟩b'],
    ['a\u200Bb', 'a⟨U+200B⟩b'],
    ['\u001b[31m', '⟨U+001B⟩[31m'],
    ['a\ud800b', 'a⟨U+D800⟩b'],
    ['a\r\nb\tc', 'a\nb\tc'],
    ['👩\u200d💻', '👩\u200d💻']
  ])('%j is shown as %j', (text, shown) => {
    expect(showHidden(text)).toBe(shown);
  });
});

describe('prompts', () => {
  test('the prompt is what stands below the magic', () => {
    expect(findPrompt('%%critique -o x\nBe {{nice}}.\n', 'code')).toEqual({
      magic: 'critique',
      head: '%%critique -o x\n',
      text: 'Be {{nice}}.\n'
    });
  });

  test.each(['x = 1', '%%time\nBe nice.', '%%critiqued\nBe nice.', ''])(
    '%j is no prompt',
    source => {
      expect(findPrompt(source, 'code')).toBeNull();
    }
  );

  test('a markdown cell is a prompt whole', () => {
    expect(findPrompt('%%critique', 'markdown')?.text).toBe('%%critique');
  });

  test('two prompts that differ in a blank are two', () => {
    expect(isSame('a\n', 'a')).toBe(true);
    expect(isSame(' a', 'a')).toBe(false);
  });
});

describe('the guard', () => {
  test('what was hit is replaced by its name, and nothing else', () => {
    const hits = [
      { index: 0, label: 'OpenAI key', start: 2, end: 5 },
      { index: 0, label: 'Google key', start: 6, end: 9 }
    ];
    expect(withoutHits('🔑 abc def.', hits)).toBe(
      '🔑 [removed: OpenAI key] [removed: Google key].'
    );
  });
});

describe('events', () => {
  test('a comment is no event', () => {
    expect(parseEvent(': alive')).toBeNull();
    expect(parseEvent('event: delta\ndata: {"text": "x"}')).toEqual({
      name: 'delta',
      data: { text: 'x' }
    });
  });

  test('however the bytes are cut, the events are the same', async () => {
    const bytes = new TextEncoder().encode(
      'event: a\ndata: "ä🔑"\n\n: alive\n\nevent: b\ndata: 2\n\n'
    );
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.slice(i * size, (i + 1) * size)
      );
      const body = {
        getReader: () => ({
          read: () => Promise.resolve({ done: pieces.length === 0, value: pieces.shift() }),
          cancel: () => Promise.resolve()
        })
      } as unknown as ReadableStream<Uint8Array>;
      const events = [];
      for await (const event of readEvents(body)) {
        events.push(event);
      }
      expect(events).toEqual([
        { name: 'a', data: 'ä🔑' },
        { name: 'b', data: 2 }
      ]);
    }
  });
});
