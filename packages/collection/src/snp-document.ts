/**
 * A report of SEV-SNP whose fields agents of Confidential Containers have written one by one into JSON: put together
 * again, since what is signed are its bytes.
 */

const reportBytes = 1184;

/** Fields that are bytes, by their offset and length. */
const byteFields = [
  ['family_id', 0x10, 16],
  ['image_id', 0x20, 16],
  ['report_data', 0x50, 64],
  ['measurement', 0x90, 48],
  ['host_data', 0xc0, 32],
  ['id_key_digest', 0xe0, 48],
  ['author_key_digest', 0x110, 48],
  ['report_id', 0x140, 32],
  ['report_id_ma', 0x160, 32],
  ['chip_id', 0x1a0, 64],
] as const;

/** Fields that are numbers, by their offset and length. */
const numberFields = [
  ['version', 0x00, 4],
  ['guest_svn', 0x04, 4],
  ['policy', 0x08, 8],
  ['vmpl', 0x30, 4],
  ['sig_algo', 0x34, 4],
  ['plat_info', 0x40, 8],
  ['key_info', 0x48, 4],
] as const;

const tcbFields = [
  ['current_tcb', 0x38],
  ['reported_tcb', 0x180],
  ['committed_tcb', 0x1e0],
  ['launch_tcb', 0x1f0],
] as const;

/** The report, or `undefined` if the fields are none. */
export function snpReportOf(fields: Fields): Uint8Array | undefined {
  const report = Buffer.alloc(reportBytes);
  for (const [name, offset, length] of byteFields) {
    const bytes = bytesOf(fields[name]);
    if (bytes?.length !== length) return undefined;
    report.set(bytes, offset);
  }
  for (const [name, offset, length] of numberFields) {
    const value = fields[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) return undefined;
    report.set(littleEndian(value, length), offset);
  }
  for (const [name, offset] of tcbFields) report.set(tcbBytes(fieldsOf(fields[name])), offset);
  for (const [i, name] of ['cpuid_fam_id', 'cpuid_mod_id', 'cpuid_step'].entries())
    report[0x188 + i] = Number(fields[name] ?? 0);
  for (const [name, offset] of [
    ['current', 0x1e8],
    ['committed', 0x1ec],
  ] as const) {
    const { build, minor, major } = fieldsOf(fields[name]);
    report.set([Number(build), Number(minor), Number(major)], offset);
  }
  for (const [name, offset] of [
    ['launch_mit_vector', 0x1f8],
    ['current_mit_vector', 0x200],
  ] as const)
    report.set(littleEndian(Number(fields[name] ?? 0), 8), offset);
  const { r, s } = fieldsOf(fields['signature']);
  const [rBytes, sBytes] = [bytesOf(r), bytesOf(s)];
  if (rBytes?.length !== 72 || sBytes?.length !== 72) return undefined;
  report.set(rBytes, 0x2a0);
  report.set(sBytes, 0x2a0 + 72);
  return new Uint8Array(report);
}

function littleEndian(value: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(Number.isSafeInteger(value) && value >= 0 ? value : 0));
  return bytes.subarray(0, length);
}

/** In the layout of Turin where there is a part that only it has. */
function tcbBytes({ fmc, bootloader, tee, snp, microcode }: Fields): readonly number[] {
  const [first, second, third, last] = [bootloader, tee, snp, microcode].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  return typeof fmc === 'number'
    ? [fmc, first, second, third, 0, 0, 0, last]
    : [first, second, 0, 0, 0, 0, third, last];
}

type Fields = Readonly<Record<string, unknown>>;

/** An object's fields; none of anything else. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** Bytes as JSON has them: a list of numbers. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  return Array.isArray(value) && value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255)
    ? Uint8Array.from(value as number[])
    : undefined;
}
