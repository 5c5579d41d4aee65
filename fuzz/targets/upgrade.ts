/** Certificates of upgrades, by somebody for whom every signature holds: so that what was signed is looked at, whatever it is. */
import { nodeCryptography } from '@coppice/cryptography';
import { upgradeCertificateCodec, verifyUpgrade } from '@coppice/upgrade';
import { decode, encode, sameBytes } from '@coppice/wire';
import { certificateOf, encoded, upgraded } from '../../packages/upgrade/test/story.ts';
import { codecTarget, must, type Target } from '../target.ts';

const credulous = { ...nodeCryptography, verify: () => true };
const stories = [upgraded([]), upgraded()];
const { service } = stories[0]!;

const certificate: Target = {
  ...codecTarget('upgrade-certificate', upgradeCertificateCodec),
  seeds: () =>
    stories.map((story) => {
      const made = certificateOf(story);
      must(typeof made !== 'string', 'the story has a certificate');
      return encoded(made);
    }),
  run(input) {
    const verdict = verifyUpgrade(credulous, input, service);
    const decoded = decode(upgradeCertificateCodec, input);
    if (!decoded.ok) return decoded.reason;
    must(sameBytes(encode(upgradeCertificateCodec, decoded.value), input), 'what is read is written to the same bytes');
    return verdict.ok ? undefined : `${verdict.check}: ${verdict.reason}`;
  },
};

export const targets = [certificate];
