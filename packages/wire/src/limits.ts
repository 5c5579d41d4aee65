/**
 * Bounds of everything that is encoded. A value beyond its bound has no encoding, so nothing that arrives can be larger.
 */
export const limits = {
  /** Slots of a service: n. */
  slots: 64,
  /** Epochs that an instance brings keys for: its term in epochs. */
  epochKeys: 256,
  /** Bytes of one operation, as a client encodes it. */
  operationBytes: 512 * 1024,
  /** Requests that one signature covers. */
  requestsPerBundle: 512,
  /** Bytes of a bundle of requests. */
  bundleBytes: 1024 * 1024,
  /** Items of one batch. */
  itemsPerBatch: 4096,
  /** Bytes of a batch's encoding. */
  batchBytes: 4 * 1024 * 1024,
  /** Bytes of a result, as the service encodes it. */
  resultBytes: 1024 * 1024,
  /** Bytes of one transaction's encoded write set. */
  writeSetBytes: 4 * 1024 * 1024,
  /** Bytes of an evidence bundle. */
  evidenceBytes: 128 * 1024,
  /** Bytes of short names: variants, platforms, addresses, reasons. */
  nameBytes: 128,
  /** Bytes of the constitution. */
  constitutionBytes: 256 * 1024,
  /** Nodes of a Merkle path: a tree of 2^53 leaves is the largest that a sequence number can name. */
  pathNodes: 64,
  /** Bytes of what one message between replicas carries: of all but the outcomes of a batch. */
  messageBytes: 8 * 1024 * 1024,
  /** Bytes of one record of a ledger: a batch, and all that its requests and the batch itself may give and write. spec/requests.md, lines 6 and 13. */
  recordBytes: 20 * 1024 * 1024,
  /** Records of a ledger in one answer. */
  ledgerRecords: 4096,
  /** Members of a consortium. */
  members: 256,
} as const;
