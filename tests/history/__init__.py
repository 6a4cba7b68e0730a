"""Load, faults and judgement: many clients work on images while things die, and a model says whether all of it adds up."""
