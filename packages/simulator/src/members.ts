/**
 * Members who govern while all else goes on: they propose, vote, change keys; late, twice, with keys that they gave up, for another
 * service, by way of carriers who alter what they carry. Each statement is carried by a client of its own, who sends it to some replica, again and again.
 */
import { encodeOperation, type GovernanceAction, signStatement, type Statement } from '@coppice/governance';
import {
  type Bundle,
  bundleStatement,
  type Cryptography,
  type Digest,
  digestOf,
  decodeCanonicalSign1,
  requestDigests,
  type Signer,
} from '@coppice/wire';
import { genesisTime } from './founding.ts';
import type { Instance } from './instance.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

interface MembersOptions {
  readonly world: World;
  readonly random: Random;
  readonly service: Digest;
  readonly slots: number;
  readonly members: readonly Signer[];
  /** They can do without a variant or two. */
  readonly fickle: boolean;
  /** Whom a statement can be handed to. */
  readonly doors: () => readonly Instance[];
}

/** Between two proposals, at most. */
const thinkMs = 1200;
/** Between two looks at what is about to be seated. */
const watchMs = 25;
/** Between two attempts of a carrier. */
const patienceMs = 250;
const attempts = 6;
const lifeMs = 20_000;

export class Members {
  readonly #options: MembersOptions;
  /** Keys of each member: the last one is what it believes to have. */
  readonly #keys: Signer[][];
  /** The last turn whose candidate was looked at. */
  #lastTurn = 0;

  constructor(options: MembersOptions) {
    this.#options = options;
    this.#keys = options.members.map((one) => [one]);
  }

  start(): void {
    this.#think();
    this.#watch();
  }

  #think(): void {
    const { random, world } = this.#options;
    world.scheduler.after(random.between(1, thinkMs), () => this.#next());
  }

  /** Members want this, and enough of them vote for it, if what carries their statements is not lost. */
  demand(action: GovernanceAction): void {
    const { random, world } = this.#options;
    const [proposer, ...others] = random.shuffled([...this.#keys.keys()]) as [number, ...number[]];
    const proposal = this.#sign(this.#keys[proposer]!.at(-1)!, { kind: 'proposal', nonce: random.bytes(16), action });
    this.#carry(proposal);
    const ballot = { kind: 'ballot', proposal: this.#digestOf(proposal), approve: true } as const;
    for (const voter of others)
      world.scheduler.after(random.between(50, 400), () => this.#carry(this.#sign(this.#keys[voter]!.at(-1)!, ballot)));
  }

  #next(): void {
    const { random, world } = this.#options;
    const [proposer, ...others] = random.shuffled([...this.#keys.keys()]) as [number, ...number[]];
    const signer = this.#keyOf(proposer);
    const action = this.#action(proposer, signer);
    const proposal = this.#sign(signer, { kind: 'proposal', nonce: random.bytes(16), action });
    this.#carry(proposal);
    const named = this.#digestOf(proposal);
    for (const voter of others) {
      if (random.percent(15)) continue;
      const ballot = { kind: 'ballot', proposal: named, approve: !random.percent(15) } as const;
      // The proposal may be ordered later than that: then the vote was for nothing.
      for (let i = random.percent(20) ? 2 : 1; i > 0; i--)
        world.scheduler.after(random.between(50, 800), () => this.#carry(this.#sign(this.#keyOf(voter), ballot)));
    }
    if (random.percent(10)) {
      const withdrawal = this.#sign(this.#keyOf(proposer), { kind: 'withdrawal', proposal: named });
      world.scheduler.after(random.between(50, 800), () => this.#carry(withdrawal));
    }
    if (random.percent(20)) world.scheduler.after(random.between(100, 3000), () => this.#carry(proposal));
    this.#think();
  }

  /** Mostly the key that the member believes to have. */
  #keyOf(member: number): Signer {
    const keys = this.#keys[member]!;
    return this.#options.random.percent(10) ? this.#options.random.pick(keys) : keys.at(-1)!;
  }

  #action(member: number, signer: Signer): GovernanceAction {
    const { random, slots, world } = this.#options;
    const draw = random.below(100);
    if (draw < 50) return { kind: 'early-turn', slot: random.below(slots) };
    if (draw < 70) return { kind: 'set-roles', key: signer.publicKey, roles: [random.pick(['auditor', 'nurse'])] };
    if (draw < 85) {
      const thresholds = { earlyTurn: random.pick([1, 2, 'majority'] as const) };
      return { kind: 'set-thresholds', thresholds };
    }
    const successor = world.provider.signerOf(random.bytes(32));
    this.#keys[member]!.push(successor);
    const proof = this.#sign(successor, { kind: 'possession', predecessor: signer.publicKey });
    return { kind: 'rotate-key', key: signer.publicKey, successor: successor.publicKey, proof };
  }

  /** What a candidate is, is sometimes not accepted any more before it is seated: as when another runtime takes the place of a flawed one. */
  #watch(): void {
    const { doors, fickle, random, world } = this.#options;
    const membership = doors()[0]?.serving?.execution.committed().membership;
    const { open, candidate } = membership ?? {};
    if (open !== undefined && candidate !== undefined && open.turn > this.#lastTurn) {
      this.#lastTurn = open.turn;
      const { release, variant } = candidate;
      const values = [{ variant, platform: 'simulated', measurements: [random.bytes(32)] }];
      if (fickle && random.percent(25)) this.demand({ kind: 'set-reference-values', release, values });
    }
    world.scheduler.after(watchMs, () => this.#watch());
  }

  #sign(signer: Signer, statement: Partial<Statement>): Uint8Array {
    const { random, world } = this.#options;
    const service = random.percent(3) ? random.bytes(32) : this.#options.service;
    const life = random.percent(5) ? random.between(1, 300) : lifeMs;
    const common = { service, member: signer.publicKey, expires: genesisTime + world.scheduler.now + life };
    return signStatement(signer, { ...common, ...statement } as Statement);
  }

  #digestOf(proposal: Uint8Array): Digest {
    const message = decodeCanonicalSign1(proposal, proposal.length);
    return digestOf(this.#cryptography, 'proposal', message.ok ? message.value.payload : proposal);
  }

  get #cryptography(): Cryptography {
    return this.#options.world.provider.cryptography;
  }

  #carry(signed: Uint8Array): void {
    const { random, service, world } = this.#options;
    // Whoever carries it may alter it: the end is the signature's.
    const statement = random.percent(5) ? signed.with(signed.length - 1, signed.at(-1)! ^ 1) : signed;
    const signer = world.provider.signerOf(random.bytes(32));
    const operations = [{ target: 'governance' as const, payload: encodeOperation({ kind: 'submit', statement }) }];
    const time = genesisTime + world.scheduler.now;
    const unsigned = { client: signer.publicKey, acknowledged: 0, time, first: 1, operations };
    const digests = requestDigests(this.#cryptography, unsigned);
    const signature = signer.sign(bundleStatement(this.#cryptography, service, unsigned, digests));
    this.#send({ ...unsigned, signature }, attempts);
  }

  #send(bundle: Bundle, left: number): void {
    const { doors, random, world } = this.#options;
    const choices = doors();
    if (choices.length > 0) {
      const door = random.pick(choices);
      world.scheduler.after(world.network.delay(), () => {
        if (door.state === 'running') door.serving!.door.submit(bundle, nobody);
      });
    }
    if (left > 1) world.scheduler.after(patienceMs, () => this.#send(bundle, left - 1));
  }
}

/** Whoever carries a statement does not wait for an answer. */
const nobody = { committed: (): void => {}, refused: (): void => {} };
