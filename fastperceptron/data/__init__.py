"""Sources of rows and labels, checked at the border and handed to the engine block by block."""
