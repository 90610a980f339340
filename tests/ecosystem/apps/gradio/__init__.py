"""An application of Gradio."""
