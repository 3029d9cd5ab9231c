// A workflow as a drawing, in four formats. Pure text out; what each shows is decided in diagram/shape.ts.

import { dot } from './diagram/dot.ts';
import { mermaid } from './diagram/mermaid.ts';
import { plantuml } from './diagram/plantuml.ts';
import { svg } from './diagram/svg.ts';

export { dot, mermaid, plantuml, svg };

/** By the name that a person types. Each takes any workflow, also one that validation refuses. */
export const diagramFormats = { mermaid, dot, plantuml, svg } as const;
