"""What runs: a deliverable with its data is measured, and evidence comes out."""
