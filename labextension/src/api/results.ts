/** The JSON forms of results, as the package writes them. Offsets are code points. */

export interface Usage {
  input_tokens: number | null;
  output_tokens: number | null;
}

export interface Provenance {
  workspace: string;
  provider: string;
  model: string;
  usage: Usage;
  cost: number | null;
  seconds: number | null;
  requests: number;
  funding: string;
  practice: boolean;
  stopped: boolean;
}

export interface Anchor {
  start: number;
  end: number;
  match: 'exact' | 'normalised' | 'reanchored';
  quote: string;
}

export interface Finding {
  id: string;
  dimension: string;
  severity: 'blocker' | 'major' | 'minor' | 'nit';
  kind: 'present' | 'absent' | 'conflict';
  evidence: Anchor[];
  problem: string;
  consequence: string;
  fix: { op: string; text: string } | null;
  probe: { inputs: Record<string, string>; predict: string } | null;
  support: string;
  origin: 'model' | 'lint';
}

export interface Critique {
  schema: 'assay.critique.v1';
  prompt: string;
  verdict: 'pass' | 'report' | null;
  score: number | null;
  dimensions: {
    id: string;
    score: number | null;
    na_reason: string | null;
    items: { answer: 'yes' | 'no' | 'na' | null }[];
  }[];
  findings: Finding[];
  consistency: { k: number; kept: number; unanchored: number; contradicted: number };
  provenance: Provenance;
}

export interface ProposedEdit {
  number: number;
  finding: string;
  op: string;
  start: number;
  end: number;
  text: string;
  risk: 'low' | 'medium' | 'high';
  warnings: { message: string }[];
}

export interface Improvement {
  schema: 'assay.improvement.v1';
  prompt: string;
  findings: Finding[];
  edits: ProposedEdit[];
  dropped: { before: string; text: string; reason: string }[];
  accepted: number[];
  complete: boolean;
  provenance: Provenance;
}

export interface LedgerRow {
  status: 'kept' | 'dropped' | 'lost' | 'unaccounted';
  before: Anchor;
  after: Anchor | null;
  reason: string;
}

export interface Rewrite {
  schema: 'assay.rewrite.v1';
  prompt: string;
  accepted: boolean;
  proposed: string;
  breaches: { check: string; level: 'error' | 'warning'; message: string }[];
  ledger: LedgerRow[];
  changes: string[];
  goal?: string | null;
  complete: boolean;
  provenance: Provenance;
}

export interface LintFinding {
  rule: string;
  name: string;
  level: 'error' | 'warning' | 'hint';
  message: string;
  start: number;
  end: number;
  line: number;
  fix: { start: number; end: number; replacement: string } | null;
}

export interface LintReport {
  schema: 'assay.lint.v1';
  text: string;
  counts: Record<string, number>;
  findings: LintFinding[];
  omitted?: number;
}

export type Result = Critique | Improvement | Rewrite | LintReport;
