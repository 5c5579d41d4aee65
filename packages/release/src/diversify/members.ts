/**
 * Puts the methods of classes into another order, and private fields that nothing can watch being made.
 *
 * The order in which a class defines its methods is to be seen only by who lists its prototype's keys. Fields that have names that
 * others can see, or that run code, stay where they are, relative to each other and to the methods.
 */
import type { AnyNode, Class, MethodDefinition, PropertyDefinition } from 'acorn';
import { childrenOf, type Edit, edited, type Parsed } from './program.ts';
import type { Choices } from './random.ts';
import { isConstant } from './inert.ts';

type Member = Class['body']['body'][number];

const isMethod = (member: Member): member is MethodDefinition => member.type === 'MethodDefinition' && !member.computed;

const isQuietField = (member: Member): member is PropertyDefinition =>
  member.type === 'PropertyDefinition' &&
  !member.static &&
  member.key.type === 'PrivateIdentifier' &&
  (!member.value || isConstant(member.value));

/** What two methods of a class may not have in common: the later one would be the class's. */
function slotOf(member: MethodDefinition): string {
  const name =
    member.key.type === 'Literal' ? String(member.key.value) : (member.key as { readonly name: string }).name;
  const kind = member.kind === 'get' || member.kind === 'set' ? member.kind : 'method';
  return `${member.static} ${member.key.type === 'PrivateIdentifier'} ${name} ${kind}`;
}

/** Runs of fields that do not depend on each other, without a field between them that might depend on them. */
function quietRuns(members: readonly Member[]): Member[][] {
  const runs: Member[][] = [[]];
  for (const member of members) {
    if (isQuietField(member)) runs.at(-1)!.push(member);
    else if (!isMethod(member)) runs.push([]);
  }
  return runs;
}

export function reorderMembers(
  { source, tree }: Parsed,
  choices: Choices,
  isOurs: (offset: number) => boolean,
): string {
  /** The text between two offsets, with the classes in it reordered. */
  const text = (node: AnyNode): string => {
    const edits = editsIn(node);
    return edited(
      source.slice(node.start, node.end),
      edits.map((edit) => ({ ...edit, start: edit.start - node.start, end: edit.end - node.start })),
    );
  };
  /** Edits of the outermost classes in a node, which have those of inner ones in them. */
  const editsIn = (node: AnyNode): Edit[] =>
    childrenOf(node).flatMap((child) =>
      child.type === 'ClassBody' && isOurs(child.start) ? classEdits(child.body) : editsIn(child),
    );
  const classEdits = (members: readonly Member[]): Edit[] => {
    const methods = members.filter(isMethod);
    const slots = methods.map(slotOf);
    const groups: Member[][] = new Set(slots).size === slots.length ? [methods, ...quietRuns(members)] : [];
    const moved = new Map<Member, Member>();
    for (const group of groups) {
      const order = choices.shuffled<Member>(group);
      group.forEach((member, i) => moved.set(member, order[i]!));
    }
    return members.map((member) => ({
      start: member.start,
      end: member.end,
      text: text((moved.get(member) ?? member) as AnyNode),
    }));
  };
  return text(tree);
}
