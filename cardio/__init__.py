"""Cards over PC/SC: the ISO layer, the JPKI and PIV applications, virtual cards, and managing cards from afar."""
