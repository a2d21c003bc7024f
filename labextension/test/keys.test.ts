import type { TranslationBundle } from '@jupyterlab/translation';
import type { Key, Preset, Status } from '../src/api/facts';
import type { CardOptions } from '../src/views/card';
import { ConnectFold } from '../src/views/connect';
import { ConnectionCard } from '../src/views/connection';
import { h, withCode } from '../src/views/dom';
import { KeyCard } from '../src/views/keys';
import { KeySection } from '../src/views/keysection';
import { describe as describeStatus } from '../src/views/standing';

const trans = {
  __: (text: string, ...values: unknown[]) =>
    text.replace(/%(\d)/g, (_, n: string) => String(values[Number(n) - 1]))
} as unknown as TranslationBundle;

const setup = {
  provider: 'google' as const,
  name: 'Google',
  key_url: 'javascript:alert(1)',
  looks_like: 'AIza…',
  cost: 'Free.',
  note: ''
};

const accepted = { outcome: 'accepted', detail: '', names: ['llama3.2'] };

function server(presets: Preset[] = []): Record<keyof CardOptions['api'], jest.Mock> {
  return {
    presets: jest.fn().mockResolvedValue(presets),
    setKey: jest.fn().mockResolvedValue(accepted),
    replaceKey: jest.fn().mockResolvedValue(accepted),
    connect: jest.fn().mockResolvedValue(accepted),
    renameConnection: jest.fn().mockResolvedValue({ done: true }),
    testKey: jest.fn().mockResolvedValue(accepted),
    removeKey: jest.fn().mockResolvedValue({ revoke_url: '' })
  };
}

function options(api: CardOptions['api'], entry = true): CardOptions {
  const act = (what: () => Promise<void>): Promise<void> => what().catch(() => undefined);
  return { workspace: 'w', entry, api, act, changed: () => Promise.resolve(), trans };
}

function fact(facts: Partial<Key>): Key {
  return {
    connection: 'google',
    provider: 'google',
    state: 'ready',
    keyless: false,
    word: 'ready',
    tone: 'good',
    verified: true,
    last4: '',
    endpoint: '',
    speaks: 'Gemini',
    label: '',
    key_url: '',
    added_by: 'ada',
    added_at: '',
    ...facts
  };
}

function status(...keys: Key[]): Status {
  return { keys, setups: [setup], mode: 'solo' } as unknown as Status;
}

const local = fact({
  connection: 'local',
  provider: 'openai',
  keyless: true,
  word: 'no key needed',
  endpoint: 'http://localhost:11434/v1',
  speaks: 'OpenAI Chat Completions'
});

/** What happens behind the click, until nothing is on its way. */
const settle = (): Promise<void> => new Promise(resolve => setTimeout(resolve));

function send(form: Element | null | undefined): void {
  form?.dispatchEvent(new Event('submit', { cancelable: true }));
}

function type(node: ParentNode, selector: string, value: string): void {
  Object.assign(node.querySelector(selector) ?? {}, { value });
}

describe('a key card', () => {
  function card(entry: boolean): { made: KeyCard; node: HTMLElement; setKey: jest.Mock } {
    const api = server();
    const made = new KeyCard({
      ...options(api, entry),
      setup,
      last: 'Ask ada to enter one.',
      fastest: true
    });
    return { made, node: made.node, setKey: api.setKey };
  }

  function submit(node: HTMLElement, key: string, address: string): void {
    type(node, 'input[type=password]', key);
    type(node, 'input[type=url]', address);
    send(node.querySelector('form'));
  }

  test('a server of one’s own is stored without a key', () => {
    const { node, setKey } = card(true);
    submit(node, '', ' http://localhost:11434/v1 ');
    expect(setKey).toHaveBeenCalledWith('w', 'google', '', 'http://localhost:11434/v1');
    expect(node.textContent).toContain('may need no key');
  });

  test('nothing in either field is not sent', () => {
    const { node, setKey } = card(true);
    submit(node, '', '');
    expect(setKey).not.toHaveBeenCalled();
    expect(node.textContent).toContain('There is no key in the field.');
  });

  test('a server that needs no key is not said to have a tested one', () => {
    const { made, node } = card(true);
    made.show(status(fact({ keyless: true, word: 'no key needed', verified: false })));
    const said = node.querySelector('.assay-keystate')?.textContent;
    expect(said).toBe('no key needed added by ada');
    made.show(status(fact({ last4: 'WXYZ' })));
    expect(node.querySelector('.assay-keystate')?.textContent).toBe(
      'ready ends in WXYZ · tested · added by ada'
    );
  });

  test('the field is empty as soon as the key is on its way', () => {
    const { node, setKey } = card(true);
    submit(node, 'typed', '');
    expect(node.querySelector<HTMLInputElement>('input[type=password]')?.value).toBe('');
    expect(setKey).toHaveBeenCalledWith('w', 'google', 'typed', null);
    expect(new XMLSerializer().serializeToString(node)).not.toContain('typed');
  });

  test('an address is kept where it was refused, and the key is not', async () => {
    const { node, setKey } = card(true);
    setKey.mockRejectedValue(new Error('refused'));
    submit(node, 'typed', 'http://localhost:1/v1');
    await settle();
    const value = (kind: string): unknown =>
      node.querySelector<HTMLInputElement>(`input[type=${kind}]`)?.value;
    expect([value('url'), value('password')]).toEqual(['http://localhost:1/v1', '']);
    setKey.mockResolvedValue(accepted);
    submit(node, 'typed', 'http://localhost:1/v1');
    await settle();
    expect(value('url')).toBe('');
  });

  test('on a hub there is no field', () => {
    expect(card(false).node.querySelectorAll('input')).toHaveLength(0);
  });

  test('an address that is no https link is shown as text', () => {
    expect(card(true).node.querySelector('a')?.hasAttribute('href')).toBe(false);
  });
});

describe('a connection’s card', () => {
  function card(entry = true): {
    node: HTMLElement;
    api: ReturnType<typeof server>;
    left: jest.Mock;
  } {
    const api = server();
    const left = jest.fn();
    const made = new ConnectionCard({ ...options(api, entry), connection: 'local', left });
    made.show(status(local));
    return { node: made.node, api, left };
  }

  test('says what it speaks, where it leads and how its models are named', () => {
    const text = card().node.textContent ?? '';
    expect(text).toContain('no key needed');
    expect(text).toContain('OpenAI Chat Completions at http://localhost:11434/v1');
    expect(text).toContain('Its models are named local/MODEL.');
  });

  test('another key is sent once, and stays in no field', async () => {
    const { node, api } = card();
    type(node, 'input[type=password]', 'typed');
    send(node.querySelector('form'));
    expect(node.querySelector<HTMLInputElement>('input[type=password]')?.value).toBe('');
    expect(api.replaceKey).toHaveBeenCalledWith('w', 'local', 'typed', null, true);
    await settle();
    expect(new XMLSerializer().serializeToString(node)).not.toContain('typed');
    expect(node.textContent).toContain('The provider accepts it.');
  });

  test('nothing to store is not sent', () => {
    const { node, api } = card();
    send(node.querySelector('form'));
    expect(api.replaceKey).not.toHaveBeenCalled();
    expect(node.textContent).toContain('There is no key in the field.');
  });

  test('a new name is told where its card is not', async () => {
    const { node, api, left } = card();
    type(node, 'form input[type=text]', ' laptop ');
    send(node.querySelectorAll('form')[1]);
    await settle();
    expect(api.renameConnection).toHaveBeenCalledWith('w', 'local', 'laptop');
    expect(left).toHaveBeenCalledWith('‘local’ is now ‘laptop’.');
  });

  test('so is its end', async () => {
    const { node, api, left } = card();
    [...node.querySelectorAll('button')].find(one => one.textContent === 'Remove')?.click();
    await settle();
    expect(api.removeKey).toHaveBeenCalledWith('w', 'local');
    expect(left).toHaveBeenCalledWith('Removed.');
  });

  test('on a hub there is nothing to press', () => {
    expect(card(false).node.querySelectorAll('input, button')).toHaveLength(0);
  });
});

describe('the form for a connection', () => {
  const preset = (facts: Partial<Preset>): Preset => ({
    name: 'ollama',
    label: 'Ollama',
    endpoint: 'http://localhost:11434/v1',
    parts: [],
    key: 'none',
    keys_url: '',
    looks_like: '',
    to_begin: '`ollama serve`, and a model.',
    caution: '',
    ...facts
  });
  const azure = preset({
    name: 'azure',
    label: 'Azure OpenAI',
    endpoint: 'https://{resource}.openai.azure.com/openai/v1/',
    parts: ['resource'],
    key: 'required',
    keys_url: 'https://ai.azure.com'
  });
  const any = preset({ name: 'openai-compatible', label: 'Any', endpoint: '', key: 'optional' });

  async function form(): Promise<{ node: HTMLElement; api: ReturnType<typeof server> }> {
    const api = server([azure, preset({}), any]);
    const { node } = new ConnectFold(options(api));
    node.querySelector('summary')?.click();
    await settle();
    return { node, api };
  }

  function choose(node: HTMLElement, name: string): void {
    type(node, 'select', name);
    node.querySelector('select')?.dispatchEvent(new Event('change'));
  }

  const keyIsHidden = (node: HTMLElement): boolean =>
    node.querySelector('input[type=password]')?.closest<HTMLElement>('div')?.hidden ?? false;

  test('is not there, and asks for nothing, before it is opened', () => {
    const api = server();
    const { node } = new ConnectFold(options(api));
    expect(node.querySelectorAll('input, select')).toHaveLength(0);
    expect(api.presets).not.toHaveBeenCalled();
  });

  test('a local server takes a click, and its first model is named', async () => {
    const { node, api } = await form();
    expect(keyIsHidden(node)).toBe(true);
    send(node.querySelector('form'));
    const made = { preset: 'ollama', parts: {}, endpoint: null, check: true };
    expect(api.connect).toHaveBeenCalledWith('w', 'ollama', '', made);
    await settle();
    expect(node.textContent).toContain('‘ollama’ is connected.');
    expect(node.textContent).toContain('A model of it: ollama/llama3.2.');
  });

  test('what a preset leaves open is asked for, and the key is sent once', async () => {
    const { node, api } = await form();
    choose(node, 'azure');
    const [name, resource] = [...node.querySelectorAll<HTMLInputElement>('input[type=text]')];
    Object.assign(name ?? {}, { value: 'ours' });
    Object.assign(resource ?? {}, { value: 'my-resource' });
    type(node, 'input[type=password]', 'typed');
    node.querySelector<HTMLInputElement>('input[type=checkbox]')?.click();
    send(node.querySelector('form'));
    expect(node.querySelector<HTMLInputElement>('input[type=password]')?.value).toBe('');
    expect(api.connect).toHaveBeenCalledWith('w', 'ours', 'typed', {
      preset: 'azure',
      parts: { resource: 'my-resource' },
      endpoint: null,
      check: false
    });
    await settle();
    expect(new XMLSerializer().serializeToString(node)).not.toContain('typed');
  });

  test('a key that was typed for one server is not sent to another', async () => {
    const { node, api } = await form();
    choose(node, 'azure');
    type(node, 'input[type=password]', 'typed');
    choose(node, 'ollama');
    send(node.querySelector('form'));
    expect(api.connect).toHaveBeenCalledWith('w', 'ollama', '', expect.anything());
  });

  test('a name that was typed outlives another choice of server', async () => {
    const { node } = await form();
    const name = node.querySelector<HTMLInputElement>('input[type=text]');
    choose(node, 'azure');
    expect(name?.value).toBe('azure');
    type(node, 'input[type=text]', 'ours');
    choose(node, 'ollama');
    expect(name?.value).toBe('ours');
    send(node.querySelector('form'));
    await settle();
    expect(name?.value).toBe('ollama');
  });

  test('what cannot be a name is not sent, such as a key in the wrong field', async () => {
    const { node } = await form();
    const name = node.querySelector<HTMLInputElement>('input[type=text]');
    const fits = ['local', 'a.b_c-1', 'sk-ant-api03-AbCdEf', '', 'a b', '.a', 'a/b'].map(value => {
      Object.assign(name ?? {}, { value });
      return name?.checkValidity();
    });
    expect(fits).toEqual([true, true, false, false, false, false, false]);
    expect(name?.maxLength).toBe(32);
  });

  test('an address is needed where the preset has none', async () => {
    const { node } = await form();
    choose(node, 'openai-compatible');
    const address = node.querySelector<HTMLInputElement>('input[type=url]');
    expect(address?.required).toBe(true);
    expect(keyIsHidden(node)).toBe(false);
    expect(node.textContent).toContain('Leave the key out if the server needs none.');
  });
});

test('what stands between backticks is code, and a lone backtick stays one', () => {
  const codes = (text: string): (string | null)[] => {
    const node = h('p', {}, ...withCode(text));
    return [node.textContent, ...[...node.querySelectorAll('*')].map(one => one.textContent)];
  };
  expect(codes('Run `<b>` now.')).toEqual(['Run <b> now.', '<b>']);
  expect(codes('A ` alone.')).toEqual(['A ` alone.']);
});

describe('the section of keys', () => {
  const missing = fact({ state: 'missing', word: 'none yet', tone: 'neutral' });
  const names = (node: ParentNode): (string | null)[] =>
    [...node.querySelectorAll('h3')].map(({ textContent }) => textContent);

  function section(...keys: Key[]): { made: KeySection; node: HTMLElement } {
    const made = new KeySection(status(...keys), options(server()));
    made.show(status(...keys));
    return { made, node: made.node };
  }

  test('a provider without a key is folded away once there is another connection', () => {
    expect(section(missing).node.querySelector('details h3')).toBeNull();
    const { node } = section(missing, local);
    expect(names(node)).toEqual(['local', 'Google']);
    expect(node.querySelector('details h3')?.textContent).toBe('Google');
    expect(section(fact({}), local).node.querySelector('details h3')).toBeNull();
  });

  test('a card stays while its connection does, and goes with it', () => {
    const { made, node } = section(missing, local);
    const before = node.querySelector('[data-connection=local]');
    made.show(status(missing, local, { ...local, connection: 'other' }));
    expect(node.querySelector('[data-connection=local]')).toBe(before);
    expect(names(node)).toEqual(['local', 'other', 'Google']);
    made.show(status(missing));
    expect(names(node)).toEqual(['Google']);
  });

  test('every field is emptied where the page is left', async () => {
    const { made, node } = section(missing, local);
    node.querySelector<HTMLElement>('.assay-connect summary')?.click();
    await settle();
    const fields = [...node.querySelectorAll<HTMLInputElement>('input[type=password]')];
    for (const field of fields) {
      field.value = 'typed';
    }
    made.forget();
    expect(fields).toHaveLength(3);
    expect(fields.map(({ value }) => value)).toEqual(['', '', '']);
  });
});

describe('the status bar', () => {
  const shown = (model: string, ...keys: Key[]): string => {
    const workspace = { name: 'research', active: true };
    const facts = { ...status(...keys), workspace, model, budget: { granted: 0, left: 0 } };
    return describeStatus(facts as unknown as Status, trans);
  };

  test('tells the key of the connection that the model names', () => {
    const openai = fact({ connection: 'openai', provider: 'openai', state: 'unreadable' });
    expect(shown('local/llama3.2', openai, local)).toBe(
      'research · local/llama3.2 · no key needed'
    );
    expect(shown('openai/gpt-6-luna', openai, local)).toContain('key unreadable');
  });

  test('tells a model that is not chosen from a key that is not there', () => {
    const missing = fact({ state: 'missing' });
    expect(shown('', missing, local)).toBe('research · no model chosen');
    expect(shown('', missing)).toBe('research · no key');
    expect(shown('gone/llama3.2', missing, local)).toBe('research · gone/llama3.2 · no key');
  });
});
