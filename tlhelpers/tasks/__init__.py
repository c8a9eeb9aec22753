"""What is to be learnt: data in splits, with a backbone; imports `backbones` and below."""
