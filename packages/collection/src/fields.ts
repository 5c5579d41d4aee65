/**
 * Fields of a JSON document, read with the path of whatever is wrong with them.
 */
import { fromHex } from '@coppice/wire';

/** Throws an `Error` whose message begins with the path. */
export class Fields {
  readonly #source: Record<string, unknown>;
  readonly #path: string;

  constructor(source: unknown, path: string) {
    if (typeof source !== 'object' || source === null) throw new Error(`${path || 'settings'}: must be an object`);
    this.#source = source as Record<string, unknown>;
    this.#path = path;
  }

  #get<T>(name: string, what: string, is: (value: unknown) => value is T): T {
    const value = this.#source[name];
    if (!is(value)) throw new Error(`${this.#path}${name}: must be ${what}`);
    return value;
  }

  has(name: string): boolean {
    return this.#source[name] !== undefined;
  }

  object(name: string): Fields {
    return new Fields(this.#source[name], `${this.#path}${name}.`);
  }

  text(name: string): string {
    return this.#get(name, 'text', (value) => typeof value === 'string');
  }

  flag(name: string): boolean {
    return this.#get(name, 'true or false', (value) => typeof value === 'boolean');
  }

  integer(name: string): number {
    return this.#get(
      name,
      'a non-negative integer',
      (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0,
    );
  }

  texts(name: string): string[] {
    return this.#get(
      name,
      'a list of texts',
      (value): value is string[] => Array.isArray(value) && value.every((one) => typeof one === 'string'),
    );
  }

  integers(name: string): number[] {
    return this.#get(
      name,
      'a list of non-negative integers',
      (value): value is number[] =>
        Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && (one as number) >= 0),
    );
  }

  bytes(name: string, length?: number): Uint8Array {
    const bytes = fromHex(this.text(name));
    if (bytes === undefined || (length !== undefined && bytes.length !== length)) {
      throw new Error(`${this.#path}${name}: must be ${length ?? 'some'} bytes in hexadecimal`);
    }
    return bytes;
  }
}
