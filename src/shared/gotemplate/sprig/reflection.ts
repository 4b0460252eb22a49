import { goFunction, type GoFunction } from '../function.ts';
import { kindName, typeName } from '../values.ts';
import { deepEqual } from './equality.ts';

const any = 'interface {}';

export const reflectionFunctions: readonly GoFunction[] = [
  goFunction({ name: 'typeOf', params: [any] }, (_, value) => typeName(value)),
  goFunction({ name: 'typeIs', params: ['string', any] }, (_, target, value) => target === typeName(value)),
  goFunction(
    { name: 'typeIsLike', params: ['string', any] },
    (_, target, value) => target === typeName(value) || `*${target}` === typeName(value),
  ),
  goFunction({ name: 'kindOf', params: [any] }, (_, value) => kindName(value)),
  goFunction({ name: 'kindIs', params: ['string', any] }, (_, target, value) => target === kindName(value)),
  goFunction({ name: 'deepEqual', params: [any, any] }, deepEqual),
];
