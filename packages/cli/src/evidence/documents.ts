/**
 * Evidence in JSON, as agents and clouds write it: several parts in one document, each in a form of its own.
 */
import { decodeCertificateTable, decodePem } from '@coppice/attestation';
import { snpReportOf } from '@coppice/collection';
import { bytesOf, type Fields, fieldsOf, jsonOf, type Pool, setPart } from './pool.ts';
import { addReport } from './reports.ts';
import { addTpmDocument, addTpmEvidence } from './tpm-files.ts';

/** Whether the document is evidence of a known kind; what it holds is then in the pool. */
export function addDocument(document: Fields, pool: Pool): boolean {
  return (
    addKernelReport(document, pool) ||
    addAzureEvidence(document, pool) ||
    addContainerEvidence(document, pool) ||
    addTpmEvidence(document, pool) ||
    addHostCertificates(document, pool) ||
    addCollection(document, pool)
  );
}

/** What Linux shows below `/sys/kernel/config/tsm/report`. */
function addKernelReport({ outblob, auxblob }: Fields, pool: Pool): boolean {
  const bytes = bytesOf(outblob);
  if (bytes === undefined || !addReport(bytes, pool)) return false;
  const table = bytesOf(auxblob);
  const decoded = table === undefined ? undefined : decodeCertificateTable(table);
  if (decoded?.ok === true) pool.certificates.push(...decoded.value);
  return true;
}

/** Evidence of an Azure machine, in the versions of Confidential Containers' agent. */
function addAzureEvidence(document: Fields, pool: Pool): boolean {
  const hostReport = bytesOf(document['hcl_report'] ?? document['report']);
  const quote = fieldsOf(document['tpm_quote'] ?? document['quote']);
  if (hostReport === undefined || !addTpmDocument(quote, pool)) return false;
  setPart(pool, 'hostReport', hostReport);
  const domainQuote = bytesOf(document['td_quote']);
  if (domainQuote !== undefined) setPart(pool, 'report', { platform: 'tdx', bytes: domainQuote });
  return document['vcek'] === undefined || addCertificates(document['vcek'], pool);
}

/** Evidence of a confidential container: the report's fields one by one, or a quote. */
function addContainerEvidence(document: Fields, pool: Pool): boolean {
  const quote = bytesOf(document['quote']);
  if (quote !== undefined) {
    if (!addReport(quote, pool)) return false;
    const log = bytesOf(document['cc_eventlog']);
    if (log !== undefined) setPart(pool, 'eventLog', log);
    return true;
  }
  const report = snpReportOf(fieldsOf(document['attestation_report']));
  if (report === undefined) return false;
  setPart(pool, 'report', { platform: 'sev-snp', bytes: report });
  const chain = Array.isArray(document['cert_chain']) ? document['cert_chain'] : [];
  return chain.every((entry) => addCertificates(fieldsOf(entry)['data'], pool));
}

/** A collection of conceptual messages (IETF RATS) in JSON, whose messages are documents of these kinds. */
function addCollection(document: Fields, pool: Pool): boolean {
  const collection = jsonOf(bytesOf(document['cmw']) ?? new Uint8Array(0)) ?? document;
  const messages = Object.values(collection).flatMap((value: unknown) => {
    const bytes = Array.isArray(value) ? bytesOf(value[1]) : undefined;
    const read = bytes === undefined ? undefined : jsonOf(bytes);
    return read === undefined ? [] : [read];
  });
  return '__cmwc_t' in collection && messages.length > 0 && messages.every((message) => addKernelReport(message, pool));
}

/** What Azure's service (Trusted Hardware Identity Management) says of the host's chip. */
function addHostCertificates({ vcekCert, certificateChain }: Fields, pool: Pool): boolean {
  return [vcekCert, certificateChain].every((text) => typeof text === 'string' && addCertificates(text.trim(), pool));
}

/** PEM text, or bytes of DER. */
function addCertificates(value: unknown, { certificates }: Pool): boolean {
  const pem = typeof value === 'string' ? decodePem(value) : undefined;
  if (pem?.ok === true) return certificates.push(...pem.value.map(({ bytes }) => bytes)) > 0;
  const der = bytesOf(value);
  return der !== undefined && certificates.push(der) > 0;
}
