//! Every call for a file fails once, or from then on.
