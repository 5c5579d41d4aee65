/**
 * The attackers that a seed can set upon an instance.
 */
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import { Amnesiac } from './amnesiac.ts';
import { Censor } from './censor.ts';
import { Equivocator } from './equivocator.ts';
import type { Faulty } from './faulty.ts';
import { Flooder } from './flooder.ts';
import { Liar } from './liar.ts';
import { Lurker } from './lurker.ts';
import { MutePrimary } from './mute-primary.ts';
import { NonceHoarder } from './nonce-hoarder.ts';
import { SlowPrimary } from './slow-primary.ts';
import { StaleKeySigner } from './stale-key-signer.ts';
import { ViewChangeSpammer } from './view-change-spammer.ts';
import { MiscomputingPrimary } from './miscomputing-primary.ts';
import { PickyPrimary } from './picky-primary.ts';
import { PreparedForger } from './prepared-forger.ts';
import { TamperingPrimary } from './tampering-primary.ts';
import { TwoNewViews } from './two-new-views.ts';
import { EntryForger } from './entry-forger.ts';
import { EstrangingPrimary } from './estranging-primary.ts';
import { PushingPrimary } from './pushing-primary.ts';
import { Repeater } from './repeater.ts';
import { Sleeper } from './sleeper.ts';
import { VoteForger } from './vote-forger.ts';
import { WaveringPrimary } from './wavering-primary.ts';
import { Withholder } from './withholder.ts';

/** Takes over an instance; `accomplices` gives those that it holds already. */
export const attackers = {
  amnesiac: (instance: Instance, random: Random): Faulty => new Amnesiac(instance, random),
  censor: (): Faulty => new Censor(),
  colluders: (instance: Instance, random: Random, accomplices: () => readonly Instance[]): Faulty =>
    new Equivocator(instance, random, { accomplices }),
  equivocator: (instance: Instance, random: Random): Faulty => new Equivocator(instance, random),
  flooder: (instance: Instance): Faulty => new Flooder(instance),
  liar: (instance: Instance, random: Random): Faulty => new Liar(instance, random),
  lurker: (): Faulty => new Lurker(),
  'mute-primary': (): Faulty => new MutePrimary(),
  'nonce-hoarder': (): Faulty => new NonceHoarder(),
  'slow-primary': (instance: Instance, random: Random): Faulty => new SlowPrimary(instance, random),
  'stale-key-signer': (instance: Instance, random: Random): Faulty => new StaleKeySigner(instance, random),
  'view-change-spammer': (instance: Instance, random: Random): Faulty => new ViewChangeSpammer(instance, random),
  'miscomputing-primary': (instance: Instance, random: Random): Faulty => new MiscomputingPrimary(instance, random),
  'picky-primary': (instance: Instance): Faulty => new PickyPrimary(instance),
  'prepared-forger': (instance: Instance, random: Random): Faulty => new PreparedForger(instance, random),
  'tampering-primary': (instance: Instance, random: Random): Faulty => new TamperingPrimary(instance, random),
  'two-new-views': (instance: Instance, random: Random): Faulty => new TwoNewViews(instance, random),
  'entry-forger': (instance: Instance, random: Random): Faulty => new EntryForger(instance, random),
  'estranging-primary': (instance: Instance, random: Random): Faulty => new EstrangingPrimary(instance, random),
  'pushing-primary': (instance: Instance): Faulty => new PushingPrimary(instance),
  'replaying-primary': (instance: Instance, random: Random): Faulty => new TamperingPrimary(instance, random, 'replay'),
  repeater: (instance: Instance, random: Random): Faulty => new Repeater(instance, random),
  sleeper: (instance: Instance): Faulty => new Sleeper(instance),
  'vote-forger': (_: Instance, random: Random): Faulty => new VoteForger(random),
  'wavering-primary': (instance: Instance): Faulty => new WaveringPrimary(instance),
  withholder: (): Faulty => new Withholder(),
} as const;

export type AttackerKind = keyof typeof attackers;
export const attackerKinds = Object.keys(attackers) as AttackerKind[];
