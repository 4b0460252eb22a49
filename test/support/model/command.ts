import type fc from 'fast-check';
import type { NodeModel } from './node-model.ts';
import type { NodeSystem } from './node-system.ts';

/** One thing that happens to a node, and what is asserted of it. */
export class Command implements fc.AsyncCommand<NodeModel, NodeSystem> {
  readonly #name: string;
  readonly #canRun: (model: Readonly<NodeModel>) => boolean;
  readonly #act: (model: NodeModel) => Promise<void>;

  constructor(name: string, canRun: (model: Readonly<NodeModel>) => boolean, act: (model: NodeModel) => Promise<void>) {
    this.#name = name;
    this.#canRun = canRun;
    this.#act = act;
  }

  check(model: Readonly<NodeModel>): boolean {
    return this.#canRun(model);
  }

  async run(model: NodeModel, system: NodeSystem): Promise<void> {
    await this.#act(model);
    system.assertAlive();
  }

  toString(): string {
    return this.#name;
  }
}
