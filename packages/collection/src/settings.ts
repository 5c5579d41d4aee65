/**
 * How an instance has its platform attest it, as its launcher says: the `platform` of an instance's settings.
 */
import { join } from 'node:path';
import { azureCollector, azureQuotes, type AzureSettings, azureTpm, azureVcek } from './azure.ts';
import type { Collector } from './collector.ts';
import type { Fields } from './fields.ts';
import { helperCollector, type HelperSettings, hardwareCollector, type HardwareSettings, sources } from './hardware.ts';
import { helperFolder } from './helper.ts';
import { simulatedCollector, type SimulatedSettings } from './simulated.ts';
import { tpmCollector, type TpmSettings } from './tpm/collector.ts';

export type PlatformSettings = SimulatedSettings | TpmSettings | HardwareSettings | AzureSettings | HelperSettings;

/** Throws where a field is missing or of another form. */
export function platformSettings(fields: Fields): PlatformSettings {
  const name = fields.text('name');
  if (fields.has('helper')) return helperSettings(name, fields.text('helper'));
  switch (name) {
    case 'simulated':
      return {
        ...{ name, chip: fields.bytes('chip'), provider: fields.text('provider') },
        runtime: fields.has('runtime') ? fields.bytes('runtime', 32) : undefined,
      };
    case 'tpm2':
      return { name, tpm: fields.text('tpm'), key: fields.integer('key'), registers: fields.integers('registers') };
    case 'azure-snp':
    case 'azure-tdx':
      return azureSettings(name, fields);
    case 'sev-snp':
    case 'tdx':
    case 'sgx':
      return hardwareSettings(name, fields);
    default:
      throw new Error(`platform.name: nothing here collects evidence of ${name}, but for a helper`);
  }
}

function helperSettings(name: string, helper: string): HelperSettings {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(helper))
    throw new Error('platform.helper: must be the name of a helper of the image');
  return { name, helper: join(helperFolder, helper) };
}

function azureSettings(name: AzureSettings['name'], fields: Fields): AzureSettings {
  const vcek = name === 'azure-snp' ? [azureVcek] : [];
  return {
    name,
    tpm: fields.has('tpm') ? fields.text('tpm') : azureTpm,
    registers: fields.integers('registers'),
    quotes: fields.has('quotes') ? fields.text('quotes') : azureQuotes,
    endorsements: fields.has('endorsements') ? fields.texts('endorsements') : vcek,
  };
}

function hardwareSettings(name: HardwareSettings['name'], fields: Fields): HardwareSettings {
  const from = fields.has('from') ? fields.text('from') : name === 'sgx' ? 'gramine' : 'configfs';
  const source = sources.find((one) => one === from);
  if (source === undefined || (source === 'gramine') !== (name === 'sgx'))
    throw new Error(`platform.from: evidence of ${name} does not come from ${from}`);
  const securityContext = fields.has('securityContext')
    ? fields.text('securityContext')
    : process.env['UVM_SECURITY_CONTEXT_DIR'];
  return {
    name,
    from: source,
    at: fields.has('at') ? fields.text('at') : undefined,
    endorsements: fields.has('endorsements') ? fields.texts('endorsements') : [],
    ...(name === 'sev-snp' && securityContext !== undefined ? { securityContext } : {}),
    ...(fields.has('initData') ? { initData: fields.text('initData') } : {}),
  };
}

export function collectorOf(settings: PlatformSettings): Collector {
  if ('helper' in settings) return helperCollector(settings);
  switch (settings.name) {
    case 'simulated':
      return simulatedCollector(settings);
    case 'tpm2':
      return tpmCollector(settings);
    case 'azure-snp':
    case 'azure-tdx':
      return azureCollector(settings);
    default:
      return hardwareCollector(settings);
  }
}
