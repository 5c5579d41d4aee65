export * from './chain.ts';
export * from './client.ts';
export * from './door-connection.ts';
export * from './framing.ts';
export * from './historical.ts';
export {
  type Ancestor,
  askLineage,
  decodeLineage,
  encodeLineage,
  findAncestors,
  type Followed,
  followLineage,
} from './lineage.ts';
export * from './subscription.ts';
export * from './typed.ts';
