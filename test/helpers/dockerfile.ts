/** Reads a Dockerfile as far as ours goes: stages of instructions, with flags and both forms of their arguments. */

export interface Instruction {
  readonly name: string;
  /** The options, like `--from=build`, by name. */
  readonly flags: ReadonlyMap<string, string>;
  /** Holds what follows name and flags, lines joined. */
  readonly text: string;
  /** The words of the exec form (`["a", "b"]`); undefined for the shell form. */
  readonly exec: readonly string[] | undefined;
}

export interface Stage {
  /** The value, with the default of the argument that it may be given by. */
  readonly image: string;
  /** The argument of `--platform`; undefined where the stage is built for the architecture asked for. */
  readonly platform: string | undefined;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

export function parseDockerfile(text: string): readonly Stage[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const stages: (Omit<Stage, 'instructions'> & { instructions: Instruction[] })[] = [];
  /** The arguments before the first stage. */
  const given = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === '') throw new Error(`no instruction: ${line}`);
    if (name === 'FROM') {
      const { flags, text: from } = instruction(name, rest);
      const [image = '', as, stage] = from.split(/\s+/);
      stages.push({
        image: image.replace(/^\$\{(\w+)\}$/, (_, argument: string) => given.get(argument) ?? ''),
        platform: flags.get('platform'),
        name: as === 'AS' ? stage : undefined,
        instructions: [],
      });
    } else if (name === 'ARG' && stages.length === 0) {
      given.set(rest.replace(/=.*/, ''), rest.replace(/^[^=]*=/, ''));
    } else {
      stages.at(-1)?.instructions.push(instruction(name, rest));
    }
  }
  return stages;
}

function instruction(name: string, rest: string): Instruction {
  const flags = new Map<string, string>();
  let text = rest;
  for (let match = /^--([a-z-]+)=(\S+)\s+/.exec(text); match !== null; match = /^--([a-z-]+)=(\S+)\s+/.exec(text)) {
    flags.set(match[1] ?? '', match[2] ?? '');
    text = text.slice(match[0].length);
  }
  return { name, flags, text, exec: execForm(text.replace(/^CMD\s+/, '')) };
}

function execForm(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  const words: unknown = JSON.parse(text);
  return Array.isArray(words) ? words.map(String) : undefined;
}

/** The only instruction of a name in a stage. */
export function only(stage: Stage, name: string): Instruction {
  const [found, ...more] = stage.instructions.filter((one) => one.name === name);
  if (found === undefined || more.length > 0) throw new Error(`${name}: expected once, found ${more.length + 1} times`);
  return found;
}
