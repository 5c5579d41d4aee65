/**
 * `node:test`, as far as the tests of the protocol use it: for a program that is one file, and that every runtime can run. They are
 * synchronous, and the first that fails ends the program.
 */
export let count = 0;

/** What the tests of a group are called. */
let groups: readonly string[] = [];

export function describe(name: string, tests: () => void): void {
  const above = groups;
  groups = [...above, name];
  tests();
  groups = above;
}

function run(name: string, body: () => unknown): void {
  count += 1;
  try {
    if (body() instanceof Promise) throw new TypeError('a test that is asynchronous');
  } catch (cause) {
    throw new Error([...groups, name].join(': '), { cause });
  }
}

export { run as it, run as test };
