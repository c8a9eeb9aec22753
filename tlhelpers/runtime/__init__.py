"""What all other folders stand on: checks, memory, devices, private names; imports none of them."""
