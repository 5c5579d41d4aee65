export { type Loot } from './breach.ts';
export { selfSignedCertificate } from './certificate.ts';
export { type InheritedLog, replayLog } from './inheritance.ts';
export { historyFolders, readDataFolder, type ReadItem, recallBatch } from './records.ts';
export { readSealedFolder } from './sealed-folder.ts';
export { InstanceVault, openKeyFiles } from './vault.ts';
export { encodeMessage } from './replica-node.ts';
export { parseSettings } from './settings.ts';
export type { NodeStatus } from './status.ts';
